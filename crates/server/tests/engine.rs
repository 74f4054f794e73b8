//! `brainmessenger engine`, started as the image of Hasura's would be: by its environment.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair};
use base::clock::Clock;
use base::ids::UserId;
use base::jwt::JwtKeys;
use db::migrate::MigrationSet;
use db::testing::TestDatabase;
use secrecy::ExposeSecret;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const SCHEMA: &str = "create table item (id bigint primary key, name text);
    insert into item values (9007199254740993, 'first');";

const METADATA: &str = "- name: default
  kind: postgres
  tables:
    - table: { schema: public, name: item }
      select_permissions:
        - role: visitor
          permission: { columns: [id, name], filter: {} }
";

const JWT_SECRET: &str =
    r#"{"type":"HS256","key":"0123456789abcdef0123456789abcdef","claims_namespace":"app"}"#;

/// The engine in a process of its own, which ends with this.
struct Engine {
    child: Child,
    address: String,
    _metadata: Folder,
}

struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Engine {
    async fn start(database: &TestDatabase, settings: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("brain-engine-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(folder.join("databases")).unwrap();
        std::fs::write(folder.join("databases/databases.yaml"), METADATA).unwrap();
        let place = database.address().replication().expect("the server has an address");
        let url = format!(
            "postgres://{}:{}@{}:{}/{}?sslmode=disable",
            place.user,
            place.password.expose_secret(),
            place.host,
            place.port,
            place.database
        );
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new(env!("CARGO_BIN_EXE_brainmessenger"))
            .arg("engine")
            .env_clear()
            .current_dir(&folder)
            .env("HASURA_GRAPHQL_DATABASE_URL", url)
            .env("HASURA_GRAPHQL_METADATA_DIR", &folder)
            .env("HASURA_GRAPHQL_SERVER_PORT", port.to_string())
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = tokio::time::timeout(Duration::from_mins(1), lines.next_line()).await.expect("in time");
        let said = said.unwrap().expect("it starts");
        let address = said.rsplit("http://").next().unwrap().to_owned();
        assert_eq!(address, format!("127.0.0.1:{port}"));
        Self { child, address, _metadata: Folder(folder) }
    }

    /// The answer's head and body.
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (String, String) {
        let mut socket = TcpStream::connect(&self.address).await.unwrap();
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n").unwrap();
        }
        write!(request, "content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), body.to_owned())
    }

    async fn query(&self, headers: &[(&str, &str)], query: &str) -> serde_json::Value {
        let body = serde_json::json!({ "query": query }).to_string();
        let (_, answer) = self.ask("POST", "/v1/graphql", headers, &body).await;
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("no JSON: {answer}"))
    }

    /// Stops it as an operator does, and gives what it has logged.
    async fn stop(mut self) -> String {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).await.unwrap();
        assert!(self.child.wait().await.unwrap().success(), "{log}");
        log
    }
}

async fn database() -> TestDatabase {
    TestDatabase::create(&[&MigrationSet::from_entries("items", [("1_items", SCHEMA)]).unwrap()]).await
}

#[tokio::test]
async fn hasuras_settings_mean_what_they_mean_there() {
    let database = database().await;
    let engine = Engine::start(
        &database,
        &[
            ("HASURA_GRAPHQL_ADMIN_SECRET", "hush"),
            ("HASURA_GRAPHQL_JWT_SECRET", JWT_SECRET),
            ("HASURA_GRAPHQL_UNAUTHORIZED_ROLE", "visitor"),
            ("HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES", "true"),
            ("HASURA_GRAPHQL_CORS_DOMAIN", "https://*.example.com"),
            ("HASURA_GRAPHQL_DEV_MODE", "true"),
            ("HASURA_GRAPHQL_LOG_LEVEL", "info"),
            ("HASURA_GRAPHQL_PG_CONNECTIONS", "4"),
            ("HASURA_GRAPHQL_WEBSOCKET_KEEPALIVE", "7"),
            ("HASURA_GRAPHQL_LIVE_QUERIES_MULTIPLEXED_REFETCH_INTERVAL", "500"),
            ("HASURA_GRAPHQL_ENABLE_TELEMETRY", "false"),
        ],
    )
    .await;
    let admin: &[_] = &[("x-hasura-admin-secret", "hush")];
    let expected = serde_json::json!({"data": {"item": [{"id": "9007199254740993", "name": "first"}]}});
    assert_eq!(engine.query(&[], "{ item { id name } }").await, expected);
    assert_eq!(engine.query(admin, "{ item { id name } }").await, expected);
    let wrong = engine.query(&[("x-hasura-admin-secret", "guess")], "{ item { id } }").await;
    assert_eq!(wrong["errors"][0]["extensions"]["code"], "access-denied");
    let forged = engine.query(&[("authorization", "Bearer a.b.c")], "{ item { id } }").await;
    assert_eq!(forged["errors"][0]["extensions"]["code"], "invalid-jwt");
    let said = engine.query(admin, "mutation { insert_item_one(object: {name: \"x\"}) { id } }").await;
    assert_eq!(said["errors"][0]["extensions"]["internal"]["error"]["status_code"], "23502");

    let command = r#"{"type":"pg_run_sql","args":{"sql":"select 1 as one"}}"#;
    let (_, rows) = engine.ask("POST", "/v2/query", admin, command).await;
    assert_eq!(rows, r#"{"result_type":"TuplesOk","result":[["one"],["1"]]}"#);
    let (head, _) = engine.ask("POST", "/v1/metadata", &[], command).await;
    assert!(head.starts_with("http/1.1 400"), "{head}");

    let (head, _) = engine.ask("POST", "/v1/graphql", &[("origin", "https://a.example.com")], "{}").await;
    assert!(head.contains("access-control-allow-origin: https://a.example.com"), "{head}");
    let (head, _) = engine.ask("POST", "/v1/graphql", &[("origin", "https://evil.com")], "{}").await;
    assert!(!head.contains("access-control-allow-origin"), "{head}");
    assert_eq!(engine.ask("GET", "/healthz", &[], "").await.1, "OK");
    assert!(engine.ask("GET", "/v1/version", &[], "").await.1.contains("brainmessenger-"));
    assert!(engine.ask("GET", "/graphiql", &[], "").await.0.starts_with("http/1.1 404"));

    let log = engine.stop().await;
    let ignored = log.lines().filter(|line| line.contains("HASURA_GRAPHQL_ENABLE_TELEMETRY")).count();
    assert_eq!(ignored, 1, "{log}");
    assert!(!log.contains("hush"), "{log}");
}

/// A key of this kind with a name, and whoever signs with it.
fn signer(kid: &str) -> JwtKeys {
    let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P521_SHA512_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let key = pem::encode(&pem::Pem::new("PRIVATE KEY", pair.as_ref()));
    let secret = serde_json::json!({ "type": "ES512", "kid": kid, "signing_key": key }).to_string();
    JwtKeys::parse(&secret.into(), Clock::system()).unwrap()
}

fn visitor(keys: &JwtKeys) -> String {
    let role = "visitor".to_owned();
    let token =
        keys.sign(UserId(uuid::Uuid::nil()), 900, &role, std::slice::from_ref(&role), &BTreeMap::new());
    format!("Bearer {}", token.unwrap())
}

#[tokio::test]
async fn keys_at_an_address_verify_and_a_new_one_is_noticed() {
    let (old, new) = (signer("old"), signer("new"));
    let shown = Arc::new(Mutex::new(old.public_keys()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let told = Arc::clone(&shown);
    let answer = async move || axum::Json(serde_json::json!({ "keys": *told.lock().unwrap() }));
    let router = axum::Router::new().route("/jwks.json", axum::routing::get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let database = database().await;
    let secret = serde_json::json!({ "jwk_url": url }).to_string();
    let settings = [("HASURA_GRAPHQL_ADMIN_SECRET", "hush"), ("HASURA_GRAPHQL_JWT_SECRET", secret.as_str())];
    let engine = Engine::start(&database, &settings).await;
    let ask =
        async |keys: &JwtKeys| engine.query(&[("authorization", &visitor(keys))], "{ item { name } }").await;
    let data = serde_json::json!({ "data": { "item": [{ "name": "first" }] } });
    assert_eq!(ask(&old).await, data);
    // Another key of the same name, and one that is not shown yet.
    for stranger in [signer("old"), new.clone()] {
        let answer = ask(&stranger).await;
        assert!(
            answer["errors"][0]["message"].as_str().unwrap().contains("Could not verify JWT"),
            "{answer}"
        );
    }
    shown.lock().unwrap().extend(new.public_keys());
    let noticed = async {
        while ask(&new).await != data {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), noticed).await.expect("the new key is noticed");
    assert_eq!(ask(&old).await, data);
    engine.stop().await;
}

#[tokio::test]
async fn health_tells_what_the_database_contradicts() {
    let database = database().await;
    let engine = Engine::start(
        &database,
        &[("HASURA_GRAPHQL_ADMIN_SECRET", "hush"), ("HASURA_GRAPHQL_ENABLE_CONSOLE", "true")],
    )
    .await;
    let (head, _) = engine.ask("GET", "/console", &[], "").await;
    assert!(head.contains("location: /graphiql"), "{head}");
    let admin: &[_] = &[("x-hasura-admin-secret", "hush")];
    let command = r#"{"type":"run_sql","args":{"sql":"drop table item"}}"#;
    engine.ask("POST", "/v1/query", admin, command).await;
    assert_eq!(engine.ask("GET", "/healthz", &[], "").await.1, "WARN: inconsistent objects in schema");
    assert!(engine.ask("GET", "/healthz?strict=true", &[], "").await.0.starts_with("http/1.1 500"));
    engine.stop().await;
}

#[tokio::test]
async fn without_a_secret_nobody_changes_anything() {
    let database = database().await;
    let engine = Engine::start(&database, &[("HASURA_GRAPHQL_DISABLE_CORS", "true")]).await;
    let command = r#"{"type":"run_sql","args":{"sql":"drop table item"}}"#;
    for path in ["/v1/metadata", "/v1/query", "/v2/query"] {
        assert!(engine.ask("POST", path, &[], command).await.0.starts_with("http/1.1 404"), "{path}");
    }
    let (head, _) = engine.ask("POST", "/v1/graphql", &[("origin", "https://a.example.com")], "{}").await;
    assert!(!head.contains("access-control-allow-origin"), "{head}");
    engine.stop().await;
}
