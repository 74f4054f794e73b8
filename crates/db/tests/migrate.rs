//! Migrations on a real database.

use db::migrate::{MigrationSet, apply};
use db::testing::TestDatabase;
use db::{Error, Pool};
use futures::future::join_all;

fn set(entries: &[(&'static str, &'static str)]) -> MigrationSet {
    MigrationSet::from_entries("project", entries.iter().copied()).unwrap()
}

async fn has_table(pool: &Pool, name: &str) -> bool {
    pool.query_one("select to_regclass($1) is not null", &[&name]).await.unwrap().get(0)
}

fn one_line(error: &Error) -> String {
    let line = error.to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}

const FIRST: (&str, &str) = ("1_first", "create table first (id int);\ninsert into first values (1);");
const SECOND: (&str, &str) = ("2_second", "create table second (id int)");

#[tokio::test]
async fn each_is_applied_once_in_order() {
    let test = TestDatabase::create(&[]).await;
    let both = set(&[("10_third", "insert into second select id from first"), SECOND, FIRST]);

    assert_eq!(apply(test.address(), &[&both]).await.unwrap(), 3);
    assert_eq!(apply(test.address(), &[&both]).await.unwrap(), 0);

    let pool = test.pool().await;
    assert_eq!(pool.query("select 1 from second", &[]).await.unwrap().len(), 1);
    let recorded = pool.query("select name from brain.migrations order by version", &[]).await.unwrap();
    let recorded: Vec<String> = recorded.iter().map(|row| row.get(0)).collect();
    assert_eq!(recorded, ["1_first", "2_second", "10_third"]);
}

#[tokio::test]
async fn servers_that_start_at_once_apply_each_once() {
    let test = TestDatabase::create(&[]).await;
    let set = set(&[FIRST, SECOND]);

    let applied = join_all((0..6).map(|_| async { apply(test.address(), &[&set]).await })).await;

    assert_eq!(applied.into_iter().map(Result::unwrap).sum::<usize>(), 2);
}

#[tokio::test]
async fn one_that_changed_is_refused_and_nothing_is_applied() {
    let test = TestDatabase::create(&[]).await;
    apply(test.address(), &[&set(&[FIRST])]).await.unwrap();

    let changed = set(&[("1_first", "create table first (id bigint)"), SECOND]);
    let error = apply(test.address(), &[&changed]).await.unwrap_err();

    assert_eq!(one_line(&error), "migration 1_first of project has changed since it was applied");
    assert!(!has_table(&test.pool().await, "second").await);
}

#[tokio::test]
async fn one_that_is_missing_or_renamed_is_refused() {
    let test = TestDatabase::create(&[]).await;
    apply(test.address(), &[&set(&[FIRST, SECOND])]).await.unwrap();

    let error = apply(test.address(), &[&set(&[SECOND])]).await.unwrap_err();
    assert_eq!(
        one_line(&error),
        "migration 1_first of project was applied to this database and is missing here"
    );

    let error = apply(test.address(), &[&set(&[("1_other", FIRST.1), SECOND])]).await.unwrap_err();
    assert_eq!(one_line(&error), "migration 1_other of project has another name than when it was applied");
}

#[tokio::test]
async fn one_that_fails_leaves_nothing_and_tells_its_line() {
    let test = TestDatabase::create(&[]).await;
    let failing = set(&[FIRST, ("2_bad", "create table half (id int);\n\ninsert into nowhere values (1);")]);

    let error = apply(test.address(), &[&failing]).await.unwrap_err();

    let line = one_line(&error);
    assert_eq!(line, "migration 2_bad of project failed: relation \"nowhere\" does not exist (line 3)");
    let pool = test.pool().await;
    assert!(has_table(&pool, "first").await && !has_table(&pool, "half").await);
}

#[tokio::test]
async fn one_that_ends_its_transaction_is_refused() {
    let test = TestDatabase::create(&[]).await;

    let error = apply(test.address(), &[&set(&[("1_bad", "select 1; commit; begin;")])]).await.unwrap_err();

    assert_eq!(one_line(&error), "migration 1_bad of project ends the transaction it runs in");
}

#[tokio::test]
async fn what_one_sets_for_its_session_does_not_reach_the_next() {
    let test = TestDatabase::create(&[]).await;
    let dumped =
        "select pg_catalog.set_config('search_path', '', false); create table public.dumped (id int)";

    apply(test.address(), &[&set(&[("1_dumped", dumped), SECOND])]).await.unwrap();

    assert!(has_table(&test.pool().await, "public.second").await);
}

#[tokio::test]
async fn sets_are_counted_apart() {
    let test = TestDatabase::create(&[]).await;
    let other = MigrationSet::from_entries("other", [("1_other", "create table other (id int)")]).unwrap();

    assert_eq!(apply(test.address(), &[&set(&[FIRST]), &other]).await.unwrap(), 2);
    assert_eq!(apply(test.address(), &[&other]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_folder_is_read_as_nhost_lays_it_out() {
    let folder = std::env::temp_dir().join(format!("migrations-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("1700000000000_init")).unwrap();
    std::fs::write(folder.join("1700000000000_init/up.sql"), "select 1").unwrap();
    std::fs::write(folder.join("README.md"), "").unwrap();

    let set = MigrationSet::read_folder("project", &folder).unwrap();
    assert_eq!(set.migrations().len(), 1);

    std::fs::remove_file(folder.join("1700000000000_init/up.sql")).unwrap();
    let error = MigrationSet::read_folder("project", &folder).unwrap_err();
    assert!(one_line(&error).contains("1700000000000_init/up.sql"));
    std::fs::remove_dir_all(folder).unwrap();
}
