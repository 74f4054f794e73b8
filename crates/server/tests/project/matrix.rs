//! Who may do what: each role and each operation of the API, as `matrix.tsv` says. An operation that a role has and the
//! table has not fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::project::GraphqlError;
use base::session::Session;
use serde_json::{Map, Value, json};

use super::world::{World, as_person};

const MATRIX: &str = include_str!("matrix.tsv");
/// How many cells are tried at once.
const AT_ONCE: usize = 6;

struct Operation {
    name: &'static str,
    /// What must come, by role.
    expected: BTreeMap<&'static str, &'static str>,
    document: &'static str,
}

impl Operation {
    fn is_write(&self) -> bool {
        self.document.starts_with("mutation")
    }

    fn field(&self) -> &str {
        self.name.split([' ', ':']).next().unwrap_or_default()
    }
}

fn operations() -> (Vec<&'static str>, Vec<Operation>) {
    let mut lines = MATRIX.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t'));
    let roles: Vec<&str> = lines.next().unwrap().skip(1).take_while(|title| *title != "document").collect();
    let operations = lines.map(|mut cells| {
        let name = cells.next().unwrap();
        let expected = roles.iter().map(|role| (*role, cells.next().unwrap())).collect();
        let document = cells.next().unwrap_or_else(|| panic!("{name} lacks a cell or its document"));
        Operation { name, expected, document }
    });
    (roles.clone(), operations.collect())
}

/// A caller of the role among people and chats of their own.
struct Scene {
    session: Session,
    /// What a document may name, by `$name`.
    names: Map<String, Value>,
}

impl Scene {
    async fn make(world: &World, role: &str) -> Self {
        let row = world.pool.query_one("select matrix.make_scene($1)::text", &[&role]).await.unwrap();
        let names: Map<String, Value> = serde_json::from_str(row.get(0)).unwrap();
        let session = match role {
            "public" => Session::new("public", [], false),
            _ => as_person(names["caller"].as_str().unwrap()),
        };
        Self { session, names }
    }

    /// What the caller gets from the operation, in a word.
    async fn outcome(&self, world: &World, operation: &Operation) -> String {
        let mut names: Vec<_> = self.names.iter().collect();
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        let mut document = operation.document.to_owned();
        for (name, value) in names {
            document = document.replace(&format!("${name}"), &value.to_string());
        }
        match world.run(&self.session, &document, json!({})).await {
            Ok(data) => describe(&data["r"], operation.is_write(), &self.names["caller"]).to_owned(),
            Err(GraphqlError { code, .. }) if code == "validation-failed" => "absent".to_owned(),
            Err(error) => error.code.into_owned(),
        }
    }
}

fn describe(answer: &Value, is_write: bool, caller: &Value) -> &'static str {
    let (one, many) = if is_write { ("ok", "ok") } else { ("row", "rows") };
    match answer {
        Value::Null => "null",
        Value::Object(row) if row.contains_key("affected_rows") => {
            describe(&json!([answer]), is_write, caller)
        }
        Value::Object(row) => match row.get("aggregate") {
            Some(counted) if counted["count"] == 0 => "none",
            Some(_) => many,
            None => one,
        },
        Value::Array(rows) if rows.iter().any(|row| row.get("affected_rows").is_some()) => {
            let returned = |row: &Value| row["returning"].as_array().cloned().unwrap_or_default();
            if rows.iter().flat_map(returned).any(|row| row["mine"] != *caller) {
                return "others";
            }
            if rows.iter().all(|row| row["affected_rows"] == 0) { "none" } else { "ok" }
        }
        Value::Array(rows) if rows.is_empty() => "none",
        Value::Array(rows) if rows.iter().any(|row| row["kind"] == "end") => {
            let kinds: Vec<&Value> = rows.iter().map(|row| &row["kind"]).collect();
            if kinds.iter().any(|kind| **kind == "left") {
                "left"
            } else if kinds.len() > 1 {
                "rows"
            } else {
                "end"
            }
        }
        Value::Array(rows) if rows.iter().any(|row| row.get("mine").is_some()) => {
            if rows.iter().all(|row| row["mine"] == *caller) { "own" } else { "others" }
        }
        _ => many,
    }
}

/// The root fields that a role has.
async fn fields(world: &World, role: &str) -> BTreeSet<String> {
    let session = Session::new(role, [], false);
    let ask = "{ __schema { queryType { fields { name } } mutationType { fields { name } } subscriptionType { fields { name } } } }";
    let schema = world.run(&session, ask, json!({})).await.unwrap();
    let types = schema["__schema"].as_object().unwrap().values();
    let fields = types.filter_map(|kind| kind["fields"].as_array()).flatten();
    fields.map(|field| field["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_role_gets_from_every_operation_what_the_matrix_says() {
    let world = Arc::new(Box::pin(World::start()).await);
    world.lift_limits().await;
    let client = world.pool.client().await.unwrap();
    client.batch_execute(include_str!("scene.sql")).await.unwrap();
    drop(client);
    let (roles, operations) = operations();

    let named: BTreeSet<&str> = operations.iter().map(Operation::field).collect();
    for role in ["user", "public", "anonymous"] {
        let mut missing = fields(&world, role).await;
        // A stream reads what the query of its name reads, by the same rule: they share a row.
        missing.retain(|field| {
            let query = field.strip_suffix("_stream").unwrap_or(field);
            query != "no_queries_available" && !named.contains(query)
        });
        assert_eq!(missing, BTreeSet::new(), "of the role {role}, without a row in matrix.tsv");
    }
    // Who visits without a name has nothing of a person's, whatever Nhost calls the role.
    assert_eq!(fields(&world, "anonymous").await.len(), 1);

    let operations = Arc::new(operations);
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|worker| {
            let (world, roles, operations) = (world.clone(), roles.clone(), operations.clone());
            tokio::spawn(async move { try_cells(&world, &roles, &operations, worker).await })
        })
        .collect();
    let mut wrong = Vec::new();
    for worker in workers {
        wrong.extend(worker.await.unwrap());
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Tries every so many-th cell, and tells of the wrong ones. What only reads shares a scene; each write has its own.
async fn try_cells(
    world: &World,
    roles: &[&'static str],
    operations: &[Operation],
    worker: usize,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut shared: BTreeMap<&str, Scene> = BTreeMap::new();
    for cell in (worker..operations.len() * roles.len()).step_by(AT_ONCE) {
        let (operation, role) = (&operations[cell / roles.len()], roles[cell % roles.len()]);
        let got = if operation.is_write() && operation.expected[role] != "absent" {
            Scene::make(world, role).await.outcome(world, operation).await
        } else {
            if !shared.contains_key(role) {
                shared.insert(role, Scene::make(world, role).await);
            }
            shared[role].outcome(world, operation).await
        };
        if got != operation.expected[role] {
            wrong
                .push(format!("{} as {role}: {got} instead of {}", operation.name, operation.expected[role]));
        }
    }
    wrong
}
