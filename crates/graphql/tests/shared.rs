//! Requests that share a statement get what they would have got alone, and leave what they would have left.

use std::collections::BTreeMap;

use base::project::GraphqlRequest;
use base::session::Session;
use db::migrate::MigrationSet;
use db::testing::{TestDatabase, small_pool};
use db::{Pool, PoolOptions};
use futures::future::join_all;
use graphql::metadata::MetadataFolder;
use graphql::{Engine, EngineOptions};
use serde_json::{Value, json};

use crate::world::{ANN, BOB, user};

/// Each with its own way to an answer: the row alone, with another table, a list, and what exists already.
const DOCUMENTS: [&str; 4] = [
    "mutation($s: bigint!, $l: String!, $z: Int!, $m: jsonb, $t: [String!]) { insert_thing_one(object: {shelf_id: $s, label: $l, size: $z, marks: $m, tags: $t}) \
     { shelf_id label size marks tags brought_by } }",
    "mutation($s: bigint!, $l: String!, $z: Int!) { insert_thing_one(object: {shelf_id: $s, label: $l, size: $z}) \
     { label brought_by shelf { id is_open } } }",
    "mutation($s: bigint!, $l: String!, $z: Int!) { put: insert_thing(objects: [{shelf_id: $s, label: $l, size: $z}]) \
     { __typename n: affected_rows returning { label size shelf { id } } } }",
    "mutation($s: bigint!, $l: String!, $z: Int!) { insert_thing_one(object: {shelf_id: $s, label: $l, size: $z}, \
     on_conflict: {constraint: thing_label_key, update_columns: [size]}) { label size } }",
];

/// Small pseudo-random numbers, the same in each run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn choose(&mut self, [first, second, third]: [Value; 3]) -> Value {
        match self.throw(3) {
            0 => first,
            1 => second,
            _ => third,
        }
    }
}

struct Library {
    engine: Engine,
    database: TestDatabase,
}

impl Library {
    async fn new() -> Self {
        let migrations =
            MigrationSet::from_entries("shared", [("1_shared", include_str!("fixture/shared/up.sql"))]);
        let database = TestDatabase::create(&[&migrations.unwrap()]).await;
        // As many lanes as a server has: on a shared connection whoever comes later waits for those before.
        let pool =
            Pool::open(database.address().clone(), PoolOptions { lanes: 8, ..small_pool() }).await.unwrap();
        let files = [("databases/databases.yaml", include_str!("fixture/shared/databases.yaml"))];
        let metadata = MetadataFolder::from_files(files).metadata().unwrap();
        let starting = Engine::start(pool, &metadata, EngineOptions::default());
        let (engine, _feed) = Box::pin(starting).await.unwrap();
        assert_eq!(engine.inconsistencies(), Vec::<String>::new());
        Self { engine, database }
    }

    async fn ask(&self, (session, request): &(Session, GraphqlRequest)) -> String {
        match self.engine.execute(session, request).await {
            Ok(data) => String::from_utf8(data.to_vec()).unwrap(),
            Err(error) => format!("{}|{}|{}", error.code, error.path, error.message),
        }
    }

    /// All rows, but for their numbers, which depend on who came first.
    async fn rows(&self) -> Vec<String> {
        let sql = "select (to_jsonb(t) - 'id' - 'place')::text from thing t order by shelf_id, label";
        let rows = self.database.pool().await.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn number(&self, sql: &str) -> i64 {
        self.database.pool().await.query_one(sql, &[]).await.unwrap().get(0)
    }
}

/// What comes in at once: good ones, some whose check fails, some that a trigger refuses, skips or changes, some that
/// are no numbers, and some that are there already.
fn round(dice: &mut Dice, number: u64, document: &str) -> Vec<(Session, GraphqlRequest)> {
    let one = |dice: &mut Dice, index: u64| {
        let session = user(if dice.throw(2) == 0 { ANN } else { BOB });
        let label = match dice.throw(60) {
            0 => "rude".to_owned(),
            1 => "lost".to_owned(),
            2 => "hidden".to_owned(),
            3 => "much too long for a label".to_owned(),
            4 => format!("thing {}.{}", number.saturating_sub(1), index),
            // The trigger makes it another name, a different one for each.
            5 => "loud".to_owned(),
            6 => "ö\"\\{},'NULL".to_owned() + &index.to_string(),
            _ => format!("thing {number}.{index}"),
        };
        // Somebody else's shelf and no shelf are rare: most statements are to succeed.
        let shelf = if dice.throw(40) == 0 { 1 + dice.throw(5) } else { 3 + dice.throw(2) };
        let size = number * 100 + index;
        let mut variables: BTreeMap<&str, Value> = BTreeMap::from([
            ("s", json!(shelf)),
            ("l", json!(label)),
            ("z", json!(if dice.throw(3) == 0 { size % 89 } else { size })),
            ("m", dice.choose([json!(null), json!({"a": [1, "x\"y"]}), json!("NULL")])),
            ("t", dice.choose([json!(null), json!([]), json!(["a,b", "\"", "NULL"])])),
        ]);
        variables.retain(|name, _| document.contains(&format!("${name}:")));
        (session, GraphqlRequest::new(document, variables))
    };
    (0..24).map(|index| one(dice, index)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shared_equals_what_is_not() {
    let (together, alone) = (Library::new().await, Library::new().await);
    for (seed, document) in DOCUMENTS.iter().enumerate() {
        let mut dice = Dice(seed as u64);
        for number in 0..15 {
            let number = number + seed as u64 * 100;
            let requests = round(&mut dice, number, document);
            let shared = join_all(requests.iter().map(|request| together.ask(request))).await;
            let mut unshared = Vec::new();
            for request in &requests {
                unshared.push(alone.ask(request).await);
            }
            for ((request, shared), unshared) in requests.iter().zip(&shared).zip(&unshared) {
                assert_eq!(shared, unshared, "{:?}", request.1);
            }
        }
    }
    assert_eq!(together.rows().await, alone.rows().await);
    for library in [&together, &alone] {
        let gaps = "select count(*) from shelf s where things <> (select count(*) from thing where shelf_id = s.id) \
                    or things <> (select coalesce(max(place), 0) from thing where shelf_id = s.id)";
        assert_eq!(library.number(gaps).await, 0);
    }
    assert_eq!(alone.number("select max(rows) from written").await, 1);
    let shared = together.number("select count(*) from written where rows > 1").await;
    assert!(shared > 50, "{shared} statements were shared");
    // They lock shelves in one order.
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(together.number(deadlocks).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_holds_up_those_who_need_it_and_no_others() {
    let library = Library::new().await;
    let insert = |shelf: i64, index: usize| {
        let variables = json!({"s": shelf, "l": format!("thing {shelf}.{index}"), "z": index});
        (user(ANN), GraphqlRequest::new(DOCUMENTS[3], variables))
    };
    let mut lock = library.database.pool().await.begin().await.unwrap();
    lock.query("select from shelf where id = 3 for update", &[]).await.unwrap();
    let held_up: Vec<_> = (0..2).map(|index| insert(3, index)).collect();
    let held_up = join_all(held_up.iter().map(|request| library.ask(request)));
    let others = async {
        let others: Vec<_> = (0..20).map(|index| insert(4, index)).collect();
        let answers = join_all(others.iter().map(|request| library.ask(request))).await;
        assert!(answers.iter().all(|answer| answer.contains("\"label\"")), "{answers:?}");
        // Only now.
        lock.rollback().await.unwrap();
    };
    let both = async { tokio::join!(biased; held_up, others).0 };
    let answers =
        tokio::time::timeout(std::time::Duration::from_secs(15), both).await.expect("nobody waits for ever");
    assert!(answers.iter().all(|answer| answer.contains("\"label\"")), "{answers:?}");
}
