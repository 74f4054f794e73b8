//! Lanes when connections break, answers stay away, or there is no database.

use std::time::{Duration, Instant};

use db::testing::{TestDatabase, small_pool};
use db::{Address, Error, Pool, PoolOptions};
use futures::future::join_all;
use rustix::process::{Pid, Signal, kill_process};

fn one_lane() -> PoolOptions {
    PoolOptions { lanes: 1, ..small_pool() }
}

async fn backend(pool: &Pool) -> i32 {
    pool.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0)
}

async fn terminate(test: &TestDatabase, backend: i32) {
    let killer = test.pool().await;
    killer.execute("select pg_terminate_backend($1, 5000)", &[&backend]).await.unwrap();
}

#[tokio::test]
async fn a_broken_lane_fails_what_is_under_way_and_comes_back() {
    let test = TestDatabase::create(&[]).await;
    let pool = Pool::open(test.address().clone(), one_lane()).await.unwrap();
    pool.execute("create sequence runs", &[]).await.unwrap();
    let broken = backend(&pool).await;

    let slow = "select nextval('runs'), pg_sleep(20)";
    let under_way = join_all((0..3).map(|_| pool.query(slow, &[])));
    let (results, ()) = tokio::join!(under_way, async {
        let running = "select 1 from pg_stat_activity where pid = $1 and state = 'active' and query = $2";
        while test.pool().await.query_opt(running, &[&broken, &slow]).await.unwrap().is_none() {}
        terminate(&test, broken).await;
    });
    for result in results {
        let error = result.unwrap_err();
        assert!(error.is_connection_lost() && !error.is_retryable(), "{error:?}");
    }

    assert_ne!(backend(&pool).await, broken);
    // One had begun; none was run again by itself.
    let row = pool.query_one("select last_value from runs", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 1);
}

#[tokio::test]
async fn the_other_lanes_serve_meanwhile() {
    let test = TestDatabase::create(&[]).await;
    let pool = Pool::open(test.address().clone(), small_pool()).await.unwrap();

    terminate(&test, backend(&pool).await).await;

    let mut failures = 0;
    for _ in 0..50 {
        failures += u32::from(pool.query("select 1", &[]).await.is_err());
    }
    assert!(failures <= 1, "{failures}");
}

#[tokio::test]
async fn the_server_cancels_what_takes_too_long() {
    let test = TestDatabase::create(&[]).await;
    let options = PoolOptions { statement_timeout: Duration::from_millis(100), ..one_lane() };
    let pool = Pool::open(test.address().clone(), options).await.unwrap();

    let error = pool.query("select pg_sleep(20)", &[]).await.unwrap_err();

    assert_eq!(error.sqlstate().unwrap().code(), "57014");
    assert!(!error.is_connection_lost());
    pool.query("select 1", &[]).await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_answer_at_all_is_given_up() {
    let test = TestDatabase::create(&[]).await;
    let options = PoolOptions { statement_timeout: Duration::from_millis(10), ..one_lane() };
    let pool = Pool::open(test.address().clone(), options).await.unwrap();
    let frozen = backend(&pool).await;
    let process = Pid::from_raw(frozen).unwrap();
    kill_process(process, Signal::STOP).unwrap();

    let error = pool.query("select 1", &[]).await.unwrap_err();

    assert!(matches!(error, Error::ExecuteTimeout { .. }), "{error}");
    assert!(error.is_connection_lost());
    let next = pool.query_one("select pg_backend_pid()", &[]).await;
    kill_process(process, Signal::CONT).unwrap();
    assert_ne!(next.unwrap().get::<_, i32>(0), frozen);
}

#[tokio::test]
async fn a_full_lane_makes_others_wait_for_a_bounded_time() {
    let test = TestDatabase::create(&[]).await;
    let options = PoolOptions { lane_depth: 1, wait_timeout: Duration::from_millis(100), ..one_lane() };
    let pool = Pool::open(test.address().clone(), options).await.unwrap();

    let (slow, refused) = tokio::join!(pool.query("select pg_sleep(1)", &[]), pool.query("select 1", &[]));

    slow.unwrap();
    assert!(refused.unwrap_err().is_busy());
    pool.query("select 1", &[]).await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_not_there_is_waited_for_and_then_told() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = Address::from_url(&format!("postgres://a:b@127.0.0.1:{nobody}/c").into()).unwrap();
    let options = PoolOptions { open_timeout: Duration::from_millis(200), ..small_pool() };
    let since = Instant::now();

    let error = Pool::open(address, options).await.unwrap_err();

    assert!(since.elapsed() >= Duration::from_millis(200));
    assert!(error.is_connection_lost(), "{error:?}");
    assert_eq!(error.to_string(), format!("cannot connect to the database at 127.0.0.1:{nobody}"));
}

#[tokio::test]
async fn a_database_that_will_never_be_there_is_told_at_once() {
    let test = TestDatabase::create(&[]).await;
    let since = Instant::now();

    let error = Pool::open(test.address().with_database("no_such"), small_pool()).await.unwrap_err();

    assert_eq!(error.sqlstate().unwrap().code(), "3D000");
    assert!(since.elapsed() < small_pool().open_timeout);
}
