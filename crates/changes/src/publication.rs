//! The publications: what PostgreSQL sends. They list tables; `for all tables` would need a superuser and would
//! make updates of other people's tables without a key fail.

use db::sql::SqlWriter;
use db::{Pool, Transaction};

use crate::Error;

/// Tables whose rows can be told apart: all changes.
pub(crate) const CHANGES: &str = "brainmessenger_changes";

/// Tables without a replica identity: publishing their updates would make those fail, so only inserts.
pub(crate) const INSERTS: &str = "brainmessenger_inserts";

/// Held while the publications are changed: several servers may start at once.
const LOCK: i64 = 0x6272_6169_6e70_7562;

/// What the publications carry and what not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Published {
    /// The publications that have tables.
    pub(crate) names: Vec<&'static str>,
    /// Tables whose updates and deletes the log does not tell of.
    pub(crate) polled: Vec<u32>,
}

struct Table {
    oid: u32,
    schema: String,
    name: String,
}

/// Why the database cannot replicate for us; `None` where it can.
pub(crate) async fn obstacle(pool: &Pool) -> Result<Option<String>, Error> {
    let sql = "select current_setting('wal_level'), coalesce((select rolreplication or rolsuper from pg_catalog.pg_roles \
               where rolname = current_user), false)";
    let row = pool.query_one(sql, &[]).await.map_err(Error::ReadPosition)?;
    let level: String = row.try_get(0).unwrap_or_default();
    if level != "logical" {
        return Ok(Some(format!("wal_level is {level}, not logical")));
    }
    let may_replicate = row.try_get(1).unwrap_or(false);
    Ok((!may_replicate).then(|| "the database role has no right to replicate".to_owned()))
}

/// Makes the publications carry exactly `tables` (PostgreSQL's numbers), as far as they can.
pub(crate) async fn prepare(pool: &Pool, tables: &[u32]) -> Result<Published, Error> {
    prepare_in_transaction(pool, tables).await.map_err(Error::PreparePublication)
}

async fn prepare_in_transaction(pool: &Pool, tables: &[u32]) -> Result<Published, db::Error> {
    let mut transaction = pool.begin().await?;
    transaction.execute("select pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let oids: Vec<i64> = tables.iter().map(|oid| i64::from(*oid)).collect();
    let mut whole = Vec::new();
    let mut inserts = Vec::new();
    let mut polled = Vec::new();
    for row in transaction.query(include_str!("sql/sort_tables.sql"), &[&oids]).await? {
        let oid: i64 = row.get(0);
        let Ok(oid) = u32::try_from(oid) else { continue };
        let table = Table { oid, schema: row.get(1), name: row.get(2) };
        match row.get(3) {
            "everything" => whole.push(table),
            "inserts" => {
                polled.push(table.oid);
                inserts.push(table);
            }
            _ => polled.push(table.oid),
        }
    }
    let mut names = Vec::new();
    for (name, events, tables) in
        [(CHANGES, "insert, update, delete, truncate", &whole), (INSERTS, "insert", &inserts)]
    {
        // The first is there even when it is empty: the stream needs one, and tells of the schema, too.
        let needed = name == CHANGES;
        publish(&mut transaction, name, events, tables, needed).await?;
        if needed || !tables.is_empty() {
            names.push(name);
        }
    }
    transaction.commit().await?;
    Ok(Published { names, polled })
}

/// Makes one publication list `tables`; one that does already is left alone, for others may be reading it. Without
/// tables it goes, unless it is `needed`.
async fn publish(
    transaction: &mut Transaction,
    name: &'static str,
    events: &'static str,
    tables: &[Table],
    needed: bool,
) -> Result<(), db::Error> {
    let sql = "select schemaname::text, tablename::text from pg_catalog.pg_publication_tables \
               where pubname = $1 order by schemaname, tablename";
    let listed = transaction.query(sql, &[&name]).await?;
    let same = listed.len() == tables.len()
        && listed
            .iter()
            .zip(tables)
            .all(|(row, table)| row.get::<_, &str>(0) == table.schema && row.get::<_, &str>(1) == table.name);
    let exists = transaction
        .query_opt("select from pg_catalog.pg_publication where pubname = $1", &[&name])
        .await?
        .is_some();
    if exists && same && (needed || !tables.is_empty()) {
        return Ok(());
    }
    if exists && tables.is_empty() {
        let mut statement = SqlWriter::<()>::new();
        statement.literal("drop publication ").identifier(name);
        transaction.execute(&statement.finish().0, &[]).await?;
    }
    if tables.is_empty() && !needed {
        return Ok(());
    }
    let mut statement = SqlWriter::<()>::new();
    if exists && !tables.is_empty() {
        statement.literal("alter publication ").identifier(name).literal(" set table ");
        list(&mut statement, tables);
    } else {
        statement.literal("create publication ").identifier(name);
        if !tables.is_empty() {
            statement.literal(" for table ");
            list(&mut statement, tables);
        }
        statement.literal(" with (publish = '").literal(events).literal("')");
    }
    transaction.execute(&statement.finish().0, &[]).await.map(drop)
}

fn list(statement: &mut SqlWriter<()>, tables: &[Table]) {
    for (index, table) in tables.iter().enumerate() {
        statement.literal(if index > 0 { ", " } else { "" }).qualified(&table.schema, &table.name);
    }
}
