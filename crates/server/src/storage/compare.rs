//! What is told of the store beside the book, and what is repaired.

use std::fmt;
use std::io::Write;

use anyhow::{bail, ensure};
use app::files::{Comparison, Finding, Store};

use super::book::{Book, Entered};

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

/// A look at what differs.
pub(super) struct Inspection<'a> {
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
    fn count(&mut self, finding: &Finding) {
        *match finding {
            Finding::Agreed => &mut self.agreed,
            Finding::Unknown { .. } => &mut self.unknown,
            Finding::Foreign(_) => &mut self.foreign,
            Finding::Missing { .. } => &mut self.missing,
            Finding::Resized { .. } => &mut self.resized,
            Finding::Unlisted(_) => &mut self.unlisted,
        } += 1;
    }

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

impl Inspection<'_> {
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
        let mut comparison = Comparison::new(self.store, self.book);
        while let Some(finding) = comparison.next().await? {
            found.count(&finding);
            if repairs { self.repair(&finding).await? } else { report(&finding)? }
        }
        Ok(found)
    }

    async fn repair(&self, finding: &Finding) -> anyhow::Result<()> {
        match finding {
            Finding::Agreed | Finding::Foreign(_) | Finding::Resized { .. } => Ok(()),
            Finding::Unknown { key, size } => match self.book.enter(key, *size).await? {
                Entered::Kept => tell("kept", key, "it is the content of a file that had none"),
                Entered::GivenUp => tell("given up", key, "it is nobody's, and the server will remove it"),
                Entered::Known => Ok(()),
            },
            Finding::Missing { key, .. } => {
                self.book.strike_out(key).await?;
                tell("struck", key, "its file is no longer said to be there")
            }
            Finding::Unlisted(file) => {
                self.book.unmark(file.id).await?;
                let about = format!("called {:?}: the file is no longer said to be there", file.name);
                tell("unmarked", &file.id, &about)
            }
        }
    }
}

fn report(finding: &Finding) -> anyhow::Result<()> {
    match finding {
        Finding::Agreed => Ok(()),
        Finding::Unknown { key, .. } => {
            tell("unknown", key, "the store has it, and the database does not know it")
        }
        Finding::Foreign(key) => tell("foreign", key, "no file is called so; it is left"),
        Finding::Missing { key, .. } => tell("missing", key, "a file shows it, and the store does not have it"),
        Finding::Resized { key, stored, known } => {
            let sizes = format!("the store has {stored} bytes, the database says {known}");
            tell("resized", key, &sizes)
        }
        Finding::Unlisted(file) => {
            tell("missing", &file.id, &format!("called {:?}: a file without an object", file.name))
        }
    }
}

/// A line about an object or a file.
fn tell(word: &str, what: &impl fmt::Display, about: &str) -> anyhow::Result<()> {
    let printable: String = what.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    writeln!(std::io::stdout(), "{word:<8} {printable}: {about}")?;
    Ok(())
}
