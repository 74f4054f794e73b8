//! One sign-in service over a database of its own, and how to talk to it.

use std::sync::Arc;
use std::time::Duration;

use app::auth::{Auth, Options, migrations, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use base::clock::Clock;
use base::jwt::JwtKeys;
use base::project::Project;
use db::testing::TestDatabase;
use db::{Pool, platform};
use serde_json::{Value, json};
use tower::ServiceExt;

pub(super) const PASSWORD: &str = "correct horse";

/// The service, and what is behind it.
pub(super) struct Service {
    router: Router,
    pub(super) auth: Auth,
    pub(super) pool: Pool,
    pub(super) clock: Clock,
    pub(super) jwt: JwtKeys,
    _database: TestDatabase,
}

/// An answer with its body read as JSON; `Null` for an empty one.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Service {
    pub(super) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub(super) async fn start_with(options: Options) -> Self {
        let database = TestDatabase::create(&[&platform::migrations(), &migrations()]).await;
        let pool = database.pool().await;
        let clock = Clock::manual(1_700_000_000);
        let secret = "an access token key for tests alone".to_owned().into();
        let jwt = JwtKeys::parse(&secret, clock.clone()).unwrap();
        let auth = Auth::start(pool.clone(), jwt.clone(), None, options).await.unwrap();
        Self { router: router(auth.clone()), auth, pool, clock, jwt, _database: database }
    }

    /// The same database, served with other settings.
    pub(super) async fn reconfigure(&mut self, options: Options) {
        self.reconfigure_with(None, options).await;
    }

    /// The same, with a project that custom claims are read from.
    pub(super) async fn reconfigure_with(&mut self, project: Option<Arc<dyn Project>>, options: Options) {
        let auth = Auth::start(self.pool.clone(), self.jwt.clone(), project, options).await.unwrap();
        self.auth = auth.clone();
        self.router = router(auth);
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        send(self.router.clone(), request).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(json_request(path, body.to_string())).await
    }

    pub(super) async fn post_as(&self, token: &str, path: &str, body: Value) -> Answer {
        let mut request = json_request(path, body.to_string());
        request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        self.send(request).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(super) async fn get_user(&self, authorization: &str) -> Answer {
        let request = Request::get("/user").header(AUTHORIZATION, authorization);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Makes an account and gives its session.
    pub(super) async fn sign_up(&self, email: &str) -> Value {
        let answer =
            self.post("/signup/email-password", json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.body["session"].clone()
    }

    pub(super) async fn sign_in(&self, email: &str, password: &str) -> Answer {
        self.post("/signin/email-password", json!({ "email": email, "password": password })).await
    }

    pub(super) async fn refresh(&self, token: &Value) -> Answer {
        self.post("/token", json!({ "refreshToken": token })).await
    }

    /// Runs a statement of the administrator's.
    pub(super) async fn sql(&self, sql: &str) {
        self.pool.execute(sql, &[]).await.unwrap();
    }

    /// The variables of the newest letter that waits for this reader; `Null` where there is none.
    pub(super) async fn letter(&self, template: &str, recipient: &str) -> Value {
        let sql = "select variables from brain.letters where template = $1 and recipient = $2
            order by created_at desc limit 1";
        let row = self.pool.query_opt(sql, &[&template, &recipient]).await.unwrap();
        row.map_or(Value::Null, |row| row.get(0))
    }

    /// Visits the link of a letter, and gives the address that the browser is sent to.
    pub(super) async fn visit(&self, letter: &Value) -> String {
        let link = text(&letter["link"]).strip_prefix("http://localhost:3000/v1").unwrap();
        let answer = self.get(link).await;
        assert_eq!(answer.status, StatusCode::FOUND, "{answer:?}");
        answer.headers["location"].to_str().unwrap().to_owned()
    }

    /// Takes the database away, for good.
    pub(super) async fn lose_database(&self) {
        let server = self.pool.address().with_database("postgres");
        let limit = Duration::from_secs(5);
        let (client, connection) = server.connect("tests", &[], limit).await.unwrap();
        tokio::spawn(connection);
        let name = self.pool.address().database();
        let shut = format!("alter database {name} allow_connections false");
        client.batch_execute(&shut).await.unwrap();
        let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
        client.execute(end, &[&name]).await.unwrap();
    }

    /// What comes of requests that meet: all begin before any can finish.
    pub(super) async fn at_once(
        &self,
        requests: impl Iterator<Item = impl Future<Output = Answer>>,
    ) -> Vec<Answer> {
        let mut transaction = self.pool.begin().await.unwrap();
        transaction.execute("select from auth.users for update", &[]).await.unwrap();
        let release = async {
            self.until_waiting(2).await;
            transaction.commit().await.unwrap();
        };
        futures::join!(futures::future::join_all(requests), release).0
    }

    /// Waits until so many statements wait for rows that others hold.
    pub(super) async fn until_waiting(&self, statements: i64) {
        let waiting = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        // Those of the pool may be behind what waits.
        let limit = Duration::from_secs(5);
        let (client, connection) = self.pool.address().connect("tests", &[], limit).await.unwrap();
        tokio::spawn(connection);
        let wait = async {
            while client.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < statements {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
    }

    /// The one number that a query gives.
    pub(super) async fn count(&self, sql: &str) -> i64 {
        self.pool.query_one(sql, &[]).await.unwrap().get(0)
    }
}

impl Answer {
    /// Checks that this is an error in the one shape that all have.
    #[track_caller]
    pub(super) fn assert_error(&self, status: u16, code: &str, message: &str) {
        assert_eq!(self.body["status"], json!(status), "{self:?}");
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.body["error"], json!(code), "{self:?}");
        assert!(self.body["message"].as_str().unwrap().contains(message), "{self:?}");
        assert_eq!(self.headers[CONTENT_TYPE], "application/json");
        assert_eq!(self.body.as_object().unwrap().len(), 3, "{self:?}");
    }

    /// Checks that this is a refusal of the request itself, and that its sentence says why.
    #[track_caller]
    pub(super) fn assert_invalid(&self, message: &str) {
        self.assert_error(400, "invalid-request", message);
    }

    #[track_caller]
    pub(super) fn assert_ok(&self) {
        assert_eq!((self.status, &self.body), (StatusCode::OK, &json!("OK")));
        assert_eq!(self.headers[CONTENT_TYPE], "application/json");
    }
}

pub(super) fn json_request(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(CONTENT_TYPE, "application/json")
        .body(body.into())
        .unwrap()
}

pub(super) async fn send(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap();
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
