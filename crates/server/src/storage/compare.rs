//! The store beside the book: both are read in the order of their keys, a page at a time, so that how many files there are
//! does not matter. What differs is looked at again before it is told, because a server may be at work meanwhile.

use std::cmp::Ordering;
use std::fmt;
use std::io::Write;

use anyhow::{bail, ensure};
use app::files::{Listed, ObjectKey, Store, StoreError};
use uuid::Uuid;

use super::book::{Book, Entered, Line, Lines};
use super::objects::Objects;

/// What is done about what differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repair {
    /// It is told.
    Nothing,
    /// It is repaired, unless most differs: then this is likely another store, or another database.
    WhereFewDiffer,
    /// It is repaired in any case.
    All,
}

/// What is compared.
pub(super) struct Comparison<'a> {
    pub(super) store: &'a Store,
    pub(super) book: &'a Book,
    pub(super) repair: Repair,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Findings {
    /// Objects that are as the book says.
    agreed: u64,
    /// Objects that files show and that are not there.
    missing: u64,
    /// Objects of another size than the book says.
    resized: u64,
    /// Objects that the book does not know.
    unknown: u64,
    /// Files that are said to be there, without a line.
    unlisted: u64,
    /// Objects that are called as no file is: they are somebody else's.
    foreign: u64,
}

impl Findings {
    fn differing(&self) -> u64 {
        self.missing + self.resized + self.unknown + self.unlisted
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { agreed, missing, resized, unknown, unlisted, foreign } = self;
        write!(
            f,
            "{agreed} objects agree, {missing} are missing, {unlisted} files have none, {unknown} are unknown, \
             {resized} have another size, {foreign} are foreign"
        )
    }
}

/// Which of the two is further on.
enum Step {
    Both,
    Store,
    Book,
}

impl Comparison<'_> {
    /// Compares, tells what differs, and repairs it where that is asked for. What differs and stays is an error.
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        let found = self.walk(false).await?;
        if found.differing() == 0 {
            return Ok(format!("{} objects agree", found.agreed));
        }
        if self.repair == Repair::Nothing {
            bail!("{found}; --repair puts it right");
        }
        let is_little = found.missing + found.unlisted <= found.agreed && found.unknown <= found.agreed;
        ensure!(
            is_little || self.repair == Repair::All,
            "{found}: is this the store of this database? Nothing is repaired without --yes"
        );
        self.walk(true).await?;
        let resized = found.resized;
        ensure!(
            resized == 0,
            "{resized} objects have another size than the database says, and are left as they are"
        );
        Ok(format!("{found}; repaired"))
    }

    /// Goes through both. With `repairs`, what differs is repaired; else it is told.
    async fn walk(&self, repairs: bool) -> anyhow::Result<Findings> {
        let mut found = Findings::default();
        let (mut objects, mut lines) = (Objects::of(self.store), Lines::of(self.book));
        loop {
            let step = match (objects.peek().await?, lines.peek().await?) {
                (None, None) => break,
                (Some(_), None) => Step::Store,
                (None, Some(_)) => Step::Book,
                (Some(object), Some(line)) => match object.key.cmp(&line.key) {
                    Ordering::Less => Step::Store,
                    Ordering::Equal => Step::Both,
                    Ordering::Greater => Step::Book,
                },
            };
            let object = if matches!(step, Step::Book) { None } else { objects.take() };
            let line = if matches!(step, Step::Store) { None } else { lines.take() };
            match (object, line) {
                (Some(object), None) => self.see_unknown(&object, repairs, &mut found).await?,
                (None, Some(line)) => self.see_missing(&line, repairs, &mut found).await?,
                (Some(object), Some(line)) => see_both(&object, &line, repairs, &mut found)?,
                (None, None) => {}
            }
        }
        self.see_unlisted(repairs, &mut found).await?;
        Ok(found)
    }

    async fn see_unknown(&self, object: &Listed, repairs: bool, found: &mut Findings) -> anyhow::Result<()> {
        let key = &object.key;
        let Some(own) = own_key(key) else {
            found.foreign += 1;
            return if repairs { Ok(()) } else { tell("foreign", key, "no file is called so; it is left") };
        };
        if self.book.line(key).await?.is_some() {
            return Ok(());
        }
        let Some(size) = self.size(&own).await? else { return Ok(()) };
        found.unknown += 1;
        if !repairs {
            return tell("unknown", key, "the store has it, and the database does not know it");
        }
        match self.book.enter(key, size).await? {
            Entered::Kept => tell("kept", key, "it is the content of a file that had none"),
            Entered::GivenUp => tell("given up", key, "it is nobody's, and the server will remove it"),
            Entered::Known => Ok(()),
        }
    }

    async fn see_missing(&self, line: &Line, repairs: bool, found: &mut Findings) -> anyhow::Result<()> {
        let key = &line.key;
        // What is not shown is on its way there, or out of it.
        if !line.is_kept || !self.book.line(key).await?.is_some_and(|line| line.is_kept) {
            return Ok(());
        }
        if let Some(own) = own_key(key)
            && self.size(&own).await?.is_some()
        {
            return Ok(());
        }
        found.missing += 1;
        if !repairs {
            return tell("missing", key, "a file shows it, and the store does not have it");
        }
        self.book.strike_out(key).await?;
        tell("struck", key, "its file is no longer said to be there")
    }

    /// How large an object is; `None` where there is none.
    async fn size(&self, key: &ObjectKey) -> anyhow::Result<Option<u64>> {
        match self.store.size(key).await {
            Ok(size) => Ok(Some(size)),
            Err(StoreError::Missing) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn see_unlisted(&self, repairs: bool, found: &mut Findings) -> anyhow::Result<()> {
        let mut after = Uuid::nil();
        loop {
            let page = self.book.unlisted(after).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            for file in page {
                found.unlisted += 1;
                let (id, name) = (file.id.to_string(), format!("called {:?}", file.name));
                if repairs {
                    self.book.unmark(file.id).await?;
                    tell("unmarked", &id, &format!("{name}: the file is no longer said to be there"))?;
                } else {
                    tell("missing", &id, &format!("{name}: a file without an object"))?;
                }
            }
        }
    }
}

fn see_both(object: &Listed, line: &Line, repairs: bool, found: &mut Findings) -> anyhow::Result<()> {
    if !line.is_kept {
        return Ok(());
    }
    if object.size == line.size {
        found.agreed += 1;
        return Ok(());
    }
    found.resized += 1;
    if repairs {
        return Ok(());
    }
    let sizes = format!("the store has {} bytes, the database says {}", object.size, line.size);
    tell("resized", &object.key, &sizes)
}

/// The key as the server has it, if it is one of the server's.
fn own_key(key: &str) -> Option<ObjectKey> {
    ObjectKey::try_from(key.to_owned()).ok().filter(|own| own.to_string() == key)
}

/// A line about an object or a file.
fn tell(word: &str, what: &str, about: &str) -> anyhow::Result<()> {
    let printable: String = what.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    writeln!(std::io::stdout(), "{word:<8} {printable}: {about}")?;
    Ok(())
}
