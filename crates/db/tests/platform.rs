//! The schemas that Nhost would bring, held against what its services rely on.

use db::Pool;
use db::testing::TestDatabase;

async fn database() -> (TestDatabase, Pool) {
    let test = TestDatabase::create(&[&db::platform::migrations()]).await;
    let pool = test.pool().await;
    (test, pool)
}

async fn sqlstate(pool: &Pool, sql: &str) -> String {
    pool.execute(sql, &[]).await.unwrap_err().sqlstate().unwrap().code().to_owned()
}

#[tokio::test]
async fn the_tables_have_the_columns_of_nhost() {
    let (_test, pool) = database().await;
    let sql =
        "select table_schema || '.' || table_name, string_agg(column_name, ' ' order by ordinal_position)
        from information_schema.columns where table_schema in ('auth', 'storage') group by 1 order by 1";

    let tables = pool.query(sql, &[]).await.unwrap();

    let line =
        |row: &db::tokio_postgres::Row| format!("{}: {}", row.get::<_, &str>(0), row.get::<_, &str>(1));
    let lines: Vec<String> = tables.iter().map(line).collect();
    assert_eq!(lines, include_str!("platform_columns.txt").lines().collect::<Vec<_>>());
}

#[tokio::test]
async fn addresses_compare_without_regard_to_case_and_must_look_like_one() {
    let (_test, pool) = database().await;
    let insert = "insert into auth.users (email, locale) values ($1::text::auth.email, 'en')";
    pool.execute(insert, &[&"Ann@Example.org"]).await.unwrap();

    let again = pool.execute(insert, &[&"ann@example.ORG"]).await.unwrap_err();
    assert_eq!(again.server().unwrap().constraint(), Some("users_email_key"));
    let bad = pool.execute(insert, &[&"not an address"]).await.unwrap_err();
    assert_eq!(bad.sqlstate().unwrap().code(), "23514");
}

#[tokio::test]
async fn an_account_takes_what_belongs_to_it_along() {
    let (_test, pool) = database().await;
    let id: String = pool
        .query_one("insert into auth.users (locale) values ('en') returning id::text", &[])
        .await
        .unwrap()
        .get(0);
    for sql in [
        "insert into auth.user_roles (user_id, role) values ($1::text::uuid, 'me')",
        "insert into auth.refresh_tokens (user_id, expires_at, refresh_token_hash) values ($1::text::uuid, now(), 'x')",
    ] {
        pool.execute(sql, &[&id]).await.unwrap();
    }
    assert_eq!(sqlstate(&pool, "delete from auth.roles where role = 'user'").await, "23503");

    pool.execute("delete from auth.users", &[]).await.unwrap();

    assert!(pool.query("select 1 from auth.user_roles", &[]).await.unwrap().is_empty());
    assert!(pool.query("select 1 from auth.refresh_tokens", &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_change_moves_updated_at() {
    let (_test, pool) = database().await;
    let old = "insert into storage.files (name, updated_at) values ('a', '2000-01-01')";
    pool.execute(old, &[]).await.unwrap();

    pool.execute("update storage.files set name = 'b'", &[]).await.unwrap();

    let row =
        pool.query_one("select bucket_id, updated_at > '2001-01-01' from storage.files", &[]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, bool>(1)), ("default", true));
}

#[tokio::test]
async fn the_default_bucket_stays() {
    let (_test, pool) = database().await;

    assert_eq!(sqlstate(&pool, "delete from storage.buckets").await, "P0001");
    assert_eq!(sqlstate(&pool, "update storage.buckets set id = 'other'").await, "P0001");
    pool.execute("update storage.buckets set download_expiration = 60", &[]).await.unwrap();
    assert_eq!(sqlstate(&pool, "update storage.buckets set download_expiration = 604801").await, "23514");
}
