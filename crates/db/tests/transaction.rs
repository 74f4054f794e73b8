//! Transactions and sessions on connections of their own.

use std::time::Duration;

use db::testing::{TestDatabase, small_pool};
use db::{Error, Pool, PoolOptions};

/// A pool with one exclusive connection, so that the next caller gets the same.
async fn single(test: &TestDatabase) -> Pool {
    let options = PoolOptions { exclusive: 1, ..small_pool() };
    let pool = Pool::open(test.address().clone(), options).await.unwrap();
    pool.execute("create table if not exists noted (what text primary key)", &[]).await.unwrap();
    pool
}

async fn noted(pool: &Pool) -> i64 {
    pool.query_one("select count(*) from noted", &[]).await.unwrap().get(0)
}

async fn backend(pool: &Pool) -> i32 {
    let client = pool.client().await.unwrap();
    client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_commit_lasts_and_a_rollback_leaves_nothing() {
    let test = TestDatabase::create(&[]).await;
    let pool = single(&test).await;

    let mut transaction = pool.begin().await.unwrap();
    transaction.query_text("insert into noted values ($1)", &["a".into()]).await.unwrap();
    assert_eq!(transaction.execute("insert into noted values ($1)", &[&"b"]).await.unwrap(), 1);
    assert_eq!(noted(&pool).await, 0);
    transaction.commit().await.unwrap();
    assert_eq!(noted(&pool).await, 2);

    let mut transaction = pool.begin().await.unwrap();
    transaction.execute("delete from noted", &[]).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(noted(&pool).await, 2);
}

#[tokio::test]
async fn one_without_statements_may_be_ended_either_way() {
    let test = TestDatabase::create(&[]).await;
    let pool = single(&test).await;

    pool.begin().await.unwrap().commit().await.unwrap();
    pool.begin().await.unwrap().rollback().await.unwrap();
    drop(pool.begin().await.unwrap());

    assert_eq!(noted(&pool).await, 0);
}

#[tokio::test]
async fn a_dropped_transaction_is_rolled_back_before_its_connection_is_used_again() {
    let test = TestDatabase::create(&[]).await;
    let pool = single(&test).await;
    let before = backend(&pool).await;

    let mut transaction = pool.begin().await.unwrap();
    transaction.execute("insert into noted values ('x')", &[]).await.unwrap();
    drop(transaction);

    assert_eq!(backend(&pool).await, before);
    assert_eq!(noted(&pool).await, 0);
    let open =
        "select count(*) from pg_stat_activity where state like 'idle in transaction%' and datname = $1";
    assert_eq!(pool.query_one(open, &[&test.name()]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_caller_that_goes_away_in_the_middle_leaves_nothing_open() {
    let test = TestDatabase::create(&[]).await;
    let pool = single(&test).await;

    let abandoned = async {
        let mut transaction = pool.begin().await.unwrap();
        transaction.execute("insert into noted values ('x')", &[]).await.unwrap();
        transaction.query("select pg_sleep(0.3)", &[]).await.unwrap();
        transaction.commit().await.unwrap();
    };
    assert!(tokio::time::timeout(Duration::from_millis(100), abandoned).await.is_err());

    let mut next = pool.begin().await.unwrap();
    let row = next.query_one("select count(*) from noted", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn what_failed_cannot_be_committed() {
    let test = TestDatabase::create(&[]).await;
    let pool = single(&test).await;
    let mut transaction = pool.begin().await.unwrap();
    transaction.execute("insert into noted values ('x')", &[]).await.unwrap();

    let error = transaction.execute("insert into noted values ('x')", &[]).await.unwrap_err();
    assert_eq!(error.server().unwrap().constraint(), Some("noted_pkey"));
    assert!(matches!(transaction.query("select 1", &[]).await, Err(Error::Commit)));
    assert!(matches!(transaction.commit().await, Err(Error::Commit)));

    assert_eq!(noted(&pool).await, 0);
}

#[tokio::test]
async fn a_constraint_that_is_checked_at_the_end_fails_the_commit() {
    let test = TestDatabase::create(&[]).await;
    let pool = single(&test).await;
    let deferred = "create table later (id int references later deferrable initially deferred, primary key (id), of int references later deferrable initially deferred)";
    pool.execute(deferred, &[]).await.unwrap();
    let mut transaction = pool.begin().await.unwrap();
    transaction.execute("insert into later values (1, 2)", &[]).await.unwrap();

    let error = transaction.commit().await.unwrap_err();

    assert_eq!(error.sqlstate().unwrap().code(), "23503");
    assert_eq!(pool.query("select 1 from later", &[]).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_deadlock_may_be_tried_again() {
    let test = TestDatabase::create(&[]).await;
    let pool = test.pool().await;
    pool.execute("create table held (id int primary key)", &[]).await.unwrap();
    pool.execute("insert into held values (1), (2)", &[]).await.unwrap();
    let lock = "select 1 from held where id = $1 for update";
    let (mut one, mut two) = (pool.begin().await.unwrap(), pool.begin().await.unwrap());
    one.query(lock, &[&1]).await.unwrap();
    two.query(lock, &[&2]).await.unwrap();

    let (params_one, params_two): ([&(dyn db::tokio_postgres::types::ToSql + Sync); 1], [_; 1]) =
        ([&2], [&1_i32 as _]);
    let results = tokio::join!(
        async {
            let result = one.query(lock, &params_one).await;
            drop(one);
            result
        },
        async {
            let result = two.query(lock, &params_two).await;
            drop(two);
            result
        },
    );

    let failed = results.0.err().or(results.1.err()).expect("one of the two is the victim");
    assert_eq!(failed.sqlstate().unwrap().code(), "40P01");
    assert!(failed.is_retryable());
}

#[tokio::test]
async fn a_session_left_in_a_transaction_is_not_used_again() {
    let test = TestDatabase::create(&[]).await;
    let pool = single(&test).await;
    let before = backend(&pool).await;
    assert_eq!(backend(&pool).await, before, "a clean session is used again");

    let client = pool.client().await.unwrap();
    client.batch_execute("begin; insert into noted values ('x')").await.unwrap();
    drop(client);

    assert_ne!(backend(&pool).await, before);
    assert_eq!(noted(&pool).await, 0);
}

#[tokio::test]
async fn a_session_has_the_drivers_own_transactions() {
    let test = TestDatabase::create(&[]).await;
    let pool = single(&test).await;

    let mut client = pool.client().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    transaction.execute("insert into noted values ('x')", &[]).await.unwrap();
    transaction.commit().await.unwrap();

    assert_eq!(noted(&pool).await, 1);
}

#[tokio::test]
async fn there_are_only_so_many() {
    let test = TestDatabase::create(&[]).await;
    let options = PoolOptions { exclusive: 1, wait_timeout: Duration::from_millis(100), ..small_pool() };
    let pool = Pool::open(test.address().clone(), options).await.unwrap();
    let held = pool.begin().await.unwrap();

    let error = pool.begin().await.err().unwrap();
    assert!(error.is_busy() && matches!(error, Error::Wait { .. }));

    drop(held);
    pool.begin().await.unwrap();
}
