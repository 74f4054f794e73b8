//! The book of what is in the store (`stored_objects`), as this command reads and corrects it.

use std::collections::VecDeque;

use anyhow::ensure;
use db::Pool;
use db::tokio_postgres::Row;
use uuid::Uuid;

/// Lines that are read at once.
const PAGE: i64 = 10_000;

/// A line of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The object's key.
    pub(super) key: String,
    /// In bytes.
    pub(super) size: u64,
    /// Whether it is what a file shows, and nobody is at work on it.
    pub(super) is_kept: bool,
}

/// A file that is said to be there, without a line that says where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unlisted {
    /// The file's id.
    pub(super) id: Uuid,
    /// What people call it.
    pub(super) name: String,
}

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

    /// The line of an object.
    pub(super) async fn line(&self, key: &str) -> anyhow::Result<Option<Line>> {
        let row = self.0.query_opt(include_str!("sql/read_line.sql"), &[&key]).await?;
        Ok(row.as_ref().map(line))
    }

    async fn page(&self, after: &str) -> anyhow::Result<Vec<Line>> {
        let rows = self.0.query(include_str!("sql/list_lines.sql"), &[&after, &PAGE]).await?;
        Ok(rows.iter().map(line).collect())
    }

    /// Files behind `after` that are said to be there, without a line.
    pub(super) async fn unlisted(&self, after: Uuid) -> anyhow::Result<Vec<Unlisted>> {
        let rows = self.0.query(include_str!("sql/list_unlisted_files.sql"), &[&after, &PAGE]).await?;
        let unlisted = |row: &Row| Unlisted { id: row.get(0), name: row.get(1) };
        Ok(rows.iter().map(unlisted).collect())
    }

    /// Enters an object that the book does not know.
    pub(super) async fn enter(&self, key: &str, size: u64) -> anyhow::Result<Entered> {
        let size = i64::try_from(size)?;
        let row = self.0.query_opt(include_str!("sql/enter_object.sql"), &[&key, &size]).await?;
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

    /// Takes back that a file is there.
    pub(super) async fn unmark(&self, file: Uuid) -> anyhow::Result<()> {
        self.0.execute("update storage.files set is_uploaded = false where id = $1", &[&file]).await?;
        Ok(())
    }
}

fn line(row: &Row) -> Line {
    let size: i64 = row.get(1);
    Line { key: row.get(0), size: size.unsigned_abs(), is_kept: row.get(2) }
}

/// All lines one by one in the order of their keys, a page of them in mind.
pub(super) struct Lines<'a> {
    book: &'a Book,
    page: VecDeque<Line>,
    after: String,
}

impl<'a> Lines<'a> {
    /// Those of `book`.
    pub(super) fn of(book: &'a Book) -> Self {
        Self { book, page: VecDeque::new(), after: String::new() }
    }

    /// The next one, which stays the next one until it is taken.
    pub(super) async fn peek(&mut self) -> anyhow::Result<Option<&Line>> {
        if self.page.is_empty() {
            self.page = self.book.page(&self.after).await?.into();
            if let Some(last) = self.page.back() {
                self.after.clone_from(&last.key);
            }
        }
        Ok(self.page.front())
    }

    /// Takes the one that was peeked at.
    pub(super) fn take(&mut self) -> Option<Line> {
        self.page.pop_front()
    }
}
