//! Lanes while all is well.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use db::testing::{TestDatabase, small_pool};
use db::{Pool, PoolOptions, RawJson, Text};
use futures::future::join_all;

async fn pool(test: &TestDatabase, change: impl FnOnce(&mut PoolOptions)) -> Pool {
    let mut options = small_pool();
    change(&mut options);
    Pool::open(test.address().clone(), options).await.unwrap()
}

async fn prepared(pool: &Pool, like: &str) -> i64 {
    let sql = "select count(*) from pg_prepared_statements where statement like $1";
    pool.query_one(sql, &[&like]).await.unwrap().get(0)
}

#[tokio::test]
async fn text_parameters_take_the_types_of_the_statement() {
    let test = TestDatabase::create(&[]).await;
    let pool = test.pool().await;

    let sql = "select json_build_object('n', $1::int + 1, 'b', $2::bool, 'x', $3::uuid)";
    let rows = pool.query_text(sql, &["41".into(), "t".into(), Text::NULL]).await.unwrap();
    let json: RawJson<'_> = rows[0].get(0);
    assert_eq!(std::str::from_utf8(json.0).unwrap(), r#"{"n" : 42, "b" : true, "x" : null}"#);

    let rows = pool.query_text("select $1::jsonb", &[r#"{"a": 1}"#.into()]).await.unwrap();
    assert_eq!(rows[0].get::<_, RawJson<'_>>(0).0, br#"{"a": 1}"#);
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_the_servers_error() {
    let test = TestDatabase::create(&[]).await;
    let pool = test.pool().await;

    let error = pool.query_text("select $1::int", &["many".into()]).await.unwrap_err();

    let server = error.server().unwrap();
    assert_eq!(server.code().code(), "22P02");
    assert!(server.message().contains("many"));
    assert!(!error.is_retryable() && !error.is_connection_lost());
}

#[tokio::test]
async fn a_constraint_is_named_with_its_table() {
    let test = TestDatabase::create(&[&db::platform::migrations()]).await;
    let pool = test.pool().await;

    let error = pool.execute("insert into auth.roles (role) values ('me')", &[]).await.unwrap_err();

    let server = error.server().unwrap();
    assert_eq!((server.constraint(), server.table()), (Some("roles_pkey"), Some("roles")));
}

#[tokio::test]
async fn many_callers_share_few_connections() {
    let test = TestDatabase::create(&[]).await;
    let pool = pool(&test, |options| options.lane_depth = 16).await;

    let sql = "select $1::int, pg_backend_pid()";
    let asked = (0..500).map(|number| {
        let pool = pool.clone();
        async move {
            let row = pool.query_one(sql, &[&number]).await.unwrap();
            assert_eq!(row.get::<_, i32>(0), number);
            row.get::<_, i32>(1)
        }
    });
    let backends: BTreeSet<i32> = join_all(asked).await.into_iter().collect();

    assert!((1..=2).contains(&backends.len()), "{backends:?}");
}

#[tokio::test]
async fn a_slow_statement_holds_up_its_own_lane_only() {
    let test = TestDatabase::create(&[]).await;
    let pool = pool(&test, |_| {}).await;
    let until = Instant::now() + Duration::from_secs(10);
    while pool.connected_lanes() < 2 {
        assert!(Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    // Abandoned, it still occupies its lane at the server.
    let slow = pool.query("select pg_sleep(2)", &[]);
    assert!(tokio::time::timeout(Duration::from_millis(100), slow).await.is_err());
    let since = Instant::now();
    for _ in 0..20 {
        pool.query("select 1", &[]).await.unwrap();
    }

    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_statement_is_prepared_once_however_many_ask() {
    let test = TestDatabase::create(&[]).await;
    let pool = pool(&test, |options| options.lanes = 1).await;

    join_all((0..50).map(|_| pool.query("select 'once'", &[]))).await;

    assert_eq!(prepared(&pool, "select 'once'").await, 1);
}

#[tokio::test]
async fn only_so_many_statements_are_kept() {
    let test = TestDatabase::create(&[]).await;
    let pool = pool(&test, |options| {
        options.lanes = 1;
        options.statements = 3;
    })
    .await;

    for number in 0..10 {
        pool.query(&format!("select 'kept', {number}"), &[]).await.unwrap();
    }

    // The third is the one that counts.
    assert_eq!(prepared(&pool, "select 'kept'%").await, 2);
}

#[tokio::test]
async fn a_statement_that_does_not_parse_is_not_kept() {
    let test = TestDatabase::create(&[]).await;
    let pool = pool(&test, |options| options.lanes = 1).await;

    for _ in 0..2 {
        let error = pool.query("selekt", &[]).await.unwrap_err();
        assert_eq!(error.sqlstate().unwrap().code(), "42601");
    }
    pool.query("select 1", &[]).await.unwrap();
}

#[tokio::test]
async fn a_schema_change_does_not_break_kept_statements() {
    let test = TestDatabase::create(&[]).await;
    let pool = pool(&test, |options| options.lanes = 1).await;
    pool.execute("create table grows (a int)", &[]).await.unwrap();
    assert!(pool.query("select * from grows", &[]).await.unwrap().is_empty());

    pool.execute("alter table grows add b int default 7", &[]).await.unwrap();
    pool.execute("insert into grows values (1)", &[]).await.unwrap();

    let row = pool.query_one("select * from grows", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>("b"), 7);
}

#[tokio::test]
async fn rows_are_counted() {
    let test = TestDatabase::create(&[]).await;
    let pool = test.pool().await;

    assert!(pool.query_opt("select 1 where false", &[]).await.unwrap().is_none());
    let error = pool.query_one("select 1 where false", &[]).await.unwrap_err();
    assert!(matches!(error, db::Error::CountRows { got: 0 }));
    let error = pool.query_opt("select generate_series(1, 3)", &[]).await.unwrap_err();
    assert!(matches!(error, db::Error::CountRows { got: 3 }));
}

#[tokio::test]
async fn a_wrong_parameter_count_or_type_is_an_error() {
    let test = TestDatabase::create(&[]).await;
    let pool = test.pool().await;

    assert!(pool.query("select $1::int", &[]).await.is_err());
    assert!(pool.query("select $1::int", &[&"text"]).await.is_err());
    pool.query("select 1", &[]).await.unwrap();
}

#[tokio::test]
async fn a_table_made_anew_does_not_break_kept_statements() {
    let database = TestDatabase::create(&[]).await;
    let pool = database.pool().await;
    let make = "drop table if exists item; create table item (id bigint, name text)";
    let shown = async || pool.query_text("select (unnest($1::item[])).name", &["{\"(1,a)\"}".into()]).await;
    for _ in 0..2 {
        pool.client().await.unwrap().batch_execute(make).await.unwrap();
        for _ in 0..4 {
            let rows = shown().await.unwrap();
            assert_eq!(rows.len(), 1);
        }
    }
}
