//! What the store has and what the database knows of it are compared, and put right.

use std::path::{Path, PathBuf};

use db::migrate::MigrationSet;
use db::testing::TestDatabase;
use db::{Pool, platform};
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::command::{Operator, Said};
use super::store::Store;

/// Where objects are.
enum Objects {
    Folder(PathBuf),
    Bucket(&'static str),
}

impl Objects {
    fn put(&self, key: &str, content: &str) {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(key);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
            Self::Bucket(bucket) => {
                let put = json!({ "Bucket": bucket, "Key": key, "Body": content });
                Store::shared().call("put_object", &put);
            }
        }
    }
}

/// A database with files, and somebody who looks after them.
struct World {
    operator: Operator,
    objects: Objects,
    pool: Pool,
    _database: TestDatabase,
}

impl World {
    async fn new(operator: Operator, bucket: Option<&'static str>) -> Self {
        let (database, url) = migrated().await;
        let operator = operator.with("DATABASE_URL", &url);
        let objects = bucket.map_or_else(|| Objects::Folder(operator.files()), Objects::Bucket);
        Self { operator, objects, pool: database.pool().await, _database: database }
    }

    /// A file in the database whose content has this size, and its line in the book; its key.
    async fn file(&self, number: u128, size: i64, line: bool) -> String {
        let (id, key) = (Uuid::from_u128(number), key(number));
        let file = "insert into storage.files (id, bucket_id, name, size, is_uploaded) values ($1, 'default', 'a.txt', $2::bigint, true)";
        self.pool.execute(file, &[&id, &size]).await.unwrap();
        if line {
            let line =
                "insert into stored_objects (key, file_id, size, is_current) values ($1, $2, $3, true)";
            self.pool.execute(line, &[&key, &id, &size]).await.unwrap();
        }
        key
    }

    async fn kept(&self, number: u128) {
        let key = self.file(number, 5, true).await;
        self.objects.put(&key, "hello");
    }

    /// Which of the files are said to be there.
    async fn uploaded(&self) -> Vec<u128> {
        let rows = "select id from storage.files where is_uploaded order by id";
        let rows = self.pool.query(rows, &[]).await.unwrap();
        rows.iter().map(|row| row.get::<_, Uuid>(0).as_u128()).collect()
    }

    /// The lines of the book: key, whether a file has it, whether it is shown.
    async fn lines(&self) -> Vec<(String, bool, bool)> {
        let rows =
            "select key, file_id is not null, is_current from stored_objects order by key collate \"C\"";
        let rows = self.pool.query(rows, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    }

    fn run(&self, arguments: &'static [&'static str]) -> Said {
        // The command waits for nobody here, but this test's own connections want to go on.
        tokio::task::block_in_place(|| self.operator.run(arguments))
    }
}

/// A database as the server leaves it at its first start, and its address.
pub(super) async fn migrated() -> (TestDatabase, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nhost/migrations/default");
    let project = MigrationSet::read_folder("project", &folder).unwrap();
    let database = TestDatabase::create(&[&platform::migrations(), &project]).await;
    let place = database.address().replication().expect("the server has an address");
    let (user, password) = (&place.user, place.password.expose_secret());
    let url = format!(
        "postgres://{user}:{password}@{}:{}/{}?sslmode=disable",
        place.host, place.port, place.database
    );
    (database, url)
}

fn key(number: u128) -> String {
    format!("uploads/{}/a.txt", Uuid::from_u128(number))
}

async fn differences_are_told_and_repaired(world: World) {
    for number in 1..=4 {
        world.kept(number).await;
    }
    let said = world.run(&["check"]);
    assert!(said.succeeded && said.line("store and database").ends_with(": 4 objects agree"), "{said:?}");

    // Without bytes; without a line, its bytes there; without either; nobody's; on its way; not as the server calls files.
    let missing = world.file(11, 5, true).await;
    let lost = world.file(12, 5, false).await;
    world.objects.put(&lost, "hello");
    world.file(13, 5, false).await;
    world.objects.put(&key(14), "nobody's");
    let on_its_way =
        "insert into stored_objects (key, size, expected_until) values ($1, 5, now() + interval '1 hour')";
    world.pool.execute(on_its_way, &[&key(15)]).await.unwrap();
    world.objects.put("uploads/by-hand/x", "x");
    let told = world.run(&["check"]);
    assert!(!told.succeeded, "{told:?}");
    assert_eq!(
        told.about("missing"),
        [missing.as_str(), &Uuid::from_u128(12).to_string(), &Uuid::from_u128(13).to_string()]
    );
    assert_eq!(told.about("unknown"), [lost.as_str(), &key(14)]);
    assert_eq!(told.about("foreign"), ["uploads/by-hand/x"]);
    assert_eq!(world.uploaded().await, [1, 2, 3, 4, 11, 12, 13], "nothing is changed");

    let repaired = world.run(&["check", "--repair"]);
    assert!(repaired.succeeded, "{repaired:?}");
    assert_eq!(world.uploaded().await, [1, 2, 3, 4, 12]);
    let lines = world.lines().await;
    assert!(lines.contains(&(lost, true, true)) && lines.contains(&(key(14), false, false)), "{lines:?}");
    assert!(lines.contains(&(key(15), false, false)) && lines.len() == 7, "{lines:?}");
    let again = world.run(&["check"]);
    assert!(again.succeeded && again.line("store and database").contains(": 5 objects agree"), "{again:?}");
}

async fn another_store_is_not_believed(world: World) {
    for number in 1..=3 {
        world.file(number, 5, true).await;
    }
    let said = world.run(&["check", "--repair"]);
    assert!(!said.succeeded && said.output.contains("is this the store of this database?"), "{said:?}");
    assert_eq!(world.uploaded().await.len(), 3);
    assert!(world.run(&["check", "--repair", "--yes"]).succeeded);
    assert_eq!(world.uploaded().await, []);
}

async fn in_bucket(bucket: &'static str) -> World {
    let place = json!({ "LocationConstraint": "eu-central-1" });
    Store::shared().call("create_bucket", &json!({ "Bucket": bucket, "CreateBucketConfiguration": place }));
    let nobody = super::store::Person { id: "AKIDNOBODY".to_owned(), secret: "none".to_owned() };
    let policy = Operator::of_bucket(bucket, &nobody).policy("server");
    World::new(Operator::of_bucket(bucket, &Store::shared().person(&policy)), Some(bucket)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_are_told_and_repaired_in_a_folder() {
    differences_are_told_and_repaired(World::new(Operator::new(), None).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_are_told_and_repaired_in_a_bucket() {
    differences_are_told_and_repaired(in_bucket("compared").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_folder_is_not_believed() {
    another_store_is_not_believed(World::new(Operator::new(), None).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_bucket_is_not_believed() {
    another_store_is_not_believed(in_bucket("another").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_size_is_told_and_left() {
    let world = World::new(Operator::new(), None).await;
    world.kept(1).await;
    let key = world.file(2, 6, true).await;
    world.objects.put(&key, "hello");
    let said = world.run(&["check", "--repair"]);
    assert!(!said.succeeded, "{said:?}");
    assert_eq!(said.about("resized"), [key.as_str()]);
    assert_eq!(world.uploaded().await, [1, 2]);
}
