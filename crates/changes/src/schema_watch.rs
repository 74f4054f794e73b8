//! Changes of the schema, told in the log: an event trigger writes a logical message into the transaction that
//! changed something. Where the database role may not make one, nobody tells, and who needs to know looks by
//! the clock.

use db::Pool;

/// The prefix of the messages, as `watch_schema.sql` has it.
pub(crate) const PREFIX: &str = "brainmessenger_schema";

/// Held while the triggers are made: several servers may start at once.
const LOCK: i64 = 0x6272_6169_6e64_646c;

/// Makes sure that the log tells of changes of the schema; `false` where it cannot.
pub(crate) async fn prepare(pool: &Pool) -> bool {
    match try_prepare(pool).await {
        Ok(()) => true,
        Err(error) => {
            tracing::info!(
                "the log does not tell of changes of the schema ({}): it is looked at by the clock",
                error.server().map_or_else(|| error.to_string(), |server| server.message().to_owned())
            );
            false
        }
    }
}

async fn try_prepare(pool: &Pool) -> Result<(), db::Error> {
    let mut transaction = pool.begin().await?;
    transaction.execute("select pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let made = transaction
        .query_one(
            "select count(*) = 2 from pg_catalog.pg_event_trigger \
             where evtname in ('brainmessenger_schema_change', 'brainmessenger_schema_drop') and evtenabled <> 'D'",
            &[],
        )
        .await?;
    if !made.try_get(0).unwrap_or(false) {
        transaction.batch(include_str!("sql/watch_schema.sql")).await?;
    }
    transaction.commit().await
}
