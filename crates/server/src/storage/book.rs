//! The book of what is in the store (`stored_objects`), as this command reads and corrects it.

use anyhow::ensure;
use app::files::{Line, ObjectKey, Unlisted};
use base::ids::FileId;
use db::Pool;
use db::tokio_postgres::Row;

/// Lines that are read at once.
const PAGE: i64 = 10_000;

/// What became of an object that the book did not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// It is the content of a file that had none.
    Kept,
    /// It is nobody's, and will be removed.
    GivenUp,
    /// The book has it by now.
    Known,
}

/// The book.
pub(super) struct Book(Pool);

impl Book {
    /// The book in this database; an error where a server never ran on it.
    pub(super) async fn open(pool: Pool) -> anyhow::Result<Self> {
        let row = pool.query_one("select to_regclass('public.stored_objects') is not null", &[]).await?;
        ensure!(row.get::<_, bool>(0), "the database knows no files yet: start the server once");
        Ok(Self(pool))
    }

    /// Enters an object that the book does not know.
    pub(super) async fn enter(&self, key: &ObjectKey, size: u64) -> anyhow::Result<Entered> {
        let (text, size, file) = (key.to_string(), i64::try_from(size)?, key.file_id().0);
        let row = self.0.query_opt(include_str!("sql/enter_object.sql"), &[&text, &size, &file]).await?;
        Ok(match row {
            Some(row) if row.get(0) => Entered::Kept,
            Some(_) => Entered::GivenUp,
            None => Entered::Known,
        })
    }

    /// Strikes out an object that is not there: its file is not uploaded then, or has no thumbnail.
    pub(super) async fn strike_out(&self, key: &str) -> anyhow::Result<()> {
        self.0.execute(include_str!("sql/strike_out_line.sql"), &[&key]).await?;
        Ok(())
    }

    /// Takes back that a file is there, unless a line says by now where. Whether it was taken back.
    pub(super) async fn unmark(&self, file: FileId) -> anyhow::Result<bool> {
        let mut transaction = self.0.begin().await?;
        // Whoever completes the file holds its row: what they did is seen by the next statement alone.
        transaction.query("select from storage.files where id = $1 for update", &[&file.0]).await?;
        let unmarked = transaction.execute(include_str!("sql/unmark_file.sql"), &[&file.0]).await?;
        transaction.commit().await?;
        Ok(unmarked > 0)
    }
}

impl app::files::Book for Book {
    type Error = anyhow::Error;

    async fn lines(&self, after: &str) -> anyhow::Result<Vec<Line>> {
        let rows = self.0.query(include_str!("sql/list_lines.sql"), &[&after, &PAGE]).await?;
        Ok(rows.iter().map(line).collect())
    }

    async fn line(&self, key: &str) -> anyhow::Result<Option<Line>> {
        let row = self.0.query_opt(include_str!("sql/read_line.sql"), &[&key]).await?;
        Ok(row.as_ref().map(line))
    }

    async fn unlisted(&self, after: FileId) -> anyhow::Result<Vec<Unlisted>> {
        let rows = self.0.query(include_str!("sql/list_unlisted_files.sql"), &[&after.0, &PAGE]).await?;
        let unlisted = |row: &Row| Unlisted { id: FileId(row.get(0)), name: row.get(1) };
        Ok(rows.iter().map(unlisted).collect())
    }
}

fn line(row: &Row) -> Line {
    let size: i64 = row.get(1);
    Line {
        key: row.get(0),
        size: size.unsigned_abs(),
        is_content: row.get(2),
        shown_by: row.get::<_, Option<_>>(3).map(FileId),
    }
}
