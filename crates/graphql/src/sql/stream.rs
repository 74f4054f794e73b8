//! Streams as SQL: a batch of the rows behind the cursor, and where the stream stands after it.

use db::sql::Word;

use super::filter::Row;
use super::{Statement, Writer};
use crate::catalog::PgType;
use crate::expression::Value;
use crate::plan::Stream;
use crate::value::Source;

/// The statement that reads a stream's next batch.
pub(super) fn document(key: &Word, stream: &Stream) -> Statement {
    let mut writer = Writer::new();
    let select = &stream.rows;
    let row = Row { table: &select.table, alias: writer.new_alias() };
    writer.literal("select concat('{\"").sql.word(key);
    writer.literal("\":', ").list(select, row);
    writer.literal(", '}'), ").saw_what_woke_it();
    writer.literal(", count(*)");
    for (cell, _) in &stream.cursor {
        // The batch's last row: aggregates take the rows in their order.
        writer.literal(", (array_agg((").cell(row, cell);
        writer.literal(")::text))[count(*)]");
    }
    writer.literal(" from ").many_source(select, row, None);
    writer.finish()
}

impl Writer {
    /// Whether the statement sees the commits that it was woken for: the log tells of a commit a moment before other
    /// sessions see it.
    pub(super) fn saw_what_woke_it(&mut self) {
        self.literal("not exists (select from unnest(");
        self.value(&Value { source: Source::WokenBy, ty: PgType::xid8(), list: true });
        self.literal(") woken(id) where not pg_catalog.pg_visible_in_snapshot(woken.id, pg_catalog.pg_current_snapshot()))");
    }
}
