//! The store and the book side by side: both are read in the order of their keys, a page at a time, so that how many
//! files there are does not matter. What differs is looked at again before it is told, because others may be at work.

use std::cmp::Ordering;
use std::collections::VecDeque;

use base::ids::FileId;
use uuid::Uuid;

use super::store::{Listed, ObjectKey, Store, StoreError};

/// The book of what is in the store, as it is read here.
pub trait Book: Sync {
    /// Why it cannot be read.
    type Error: From<StoreError> + Send;

    /// Some of the lines that follow the key `after`, in the order of their keys' bytes; none at the end.
    fn lines(&self, after: &str) -> impl Future<Output = Result<Vec<Line>, Self::Error>> + Send;

    /// The line of an object.
    fn line(&self, key: &str) -> impl Future<Output = Result<Option<Line>, Self::Error>> + Send;

    /// Some of the files that follow the id `after`, are said to be there, and have no line that says where, in the
    /// order of their ids; none at the end.
    fn unlisted(&self, after: FileId) -> impl Future<Output = Result<Vec<Unlisted>, Self::Error>> + Send;
}

/// A line of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The object's key.
    pub key: String,
    /// In bytes.
    pub size: u64,
    /// Whether it is the file itself, not a small picture of it.
    pub is_content: bool,
    /// The file that shows it. `None`: it is on its way into the store, or out of it.
    pub shown_by: Option<FileId>,
}

/// A file that is said to be there, without a line that says where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlisted {
    /// The file.
    pub id: FileId,
    /// What people call it.
    pub name: String,
}

/// What is found about an object, a line, or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A file shows it, and it is there.
    Agreed,
    /// An object that the book does not know.
    Unknown {
        /// Its key.
        key: ObjectKey,
        /// In bytes.
        size: u64,
    },
    /// An object that is called as no file is: somebody else's.
    Foreign(String),
    /// An object that a file shows, and that is not there.
    Missing {
        /// Its key.
        key: String,
        /// The file.
        file: FileId,
        /// Whether it is the file itself, not a small picture of it.
        is_content: bool,
    },
    /// An object that a file shows, and that has another size.
    Resized {
        /// Its key.
        key: String,
        /// In bytes, as the store says.
        stored: u64,
        /// In bytes, as the book says.
        known: u64,
    },
    /// A file that is said to be there, without a line that says where.
    Unlisted(Unlisted),
}

/// A store beside its book, on the way through both.
pub struct Comparison<'a, B> {
    store: &'a Store,
    book: &'a B,
    objects: Pages<Listed, Option<String>>,
    lines: Pages<Line, String>,
    files: Pages<Unlisted, FileId>,
}

impl<'a, B: Book> Comparison<'a, B> {
    /// A comparison at its beginning.
    pub fn new(store: &'a Store, book: &'a B) -> Self {
        let (objects, lines) = (Pages::new(None), Pages::new(String::new()));
        Self { store, book, objects, lines, files: Pages::new(FileId(Uuid::nil())) }
    }

    /// What is found next; `None` at the end. The files without a line come last.
    pub async fn next(&mut self) -> Result<Option<Finding>, B::Error> {
        loop {
            self.read_on().await?;
            let finding = match self.step() {
                (Some(object), Some(line)) => compare_sizes(object, &line),
                (Some(object), None) => self.see_object(object).await?,
                (None, Some(line)) => self.see_line(line).await?,
                (None, None) => break,
            };
            if finding.is_some() {
                return Ok(finding);
            }
        }
        if self.files.wants_more() {
            self.files.take_in(self.book.unlisted(self.files.after).await?, |last| last.id);
        }
        Ok(self.files.page.pop_front().map(Finding::Unlisted))
    }

    async fn read_on(&mut self) -> Result<(), B::Error> {
        if self.objects.wants_more() {
            let page = self.store.list(self.objects.after.as_deref()).await?;
            self.objects.take_in(page, |last| Some(last.key.clone()));
        }
        if self.lines.wants_more() {
            let page = self.book.lines(&self.lines.after).await?;
            self.lines.take_in(page, |last| last.key.clone());
        }
        Ok(())
    }

    /// The object and the line whose key is the next, or the one of them that is there.
    fn step(&mut self) -> (Option<Listed>, Option<Line>) {
        let order = match (self.objects.page.front(), self.lines.page.front()) {
            (Some(object), Some(line)) => object.key.cmp(&line.key),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let object = order.is_le().then(|| self.objects.page.pop_front());
        let line = order.is_ge().then(|| self.lines.page.pop_front());
        (object.flatten(), line.flatten())
    }

    async fn see_object(&self, object: Listed) -> Result<Option<Finding>, B::Error> {
        let Some(key) = own_key(&object.key) else { return Ok(Some(Finding::Foreign(object.key))) };
        if self.book.line(&object.key).await?.is_some() {
            return Ok(None);
        }
        Ok(self.size(&key).await?.map(|size| Finding::Unknown { key, size }))
    }

    async fn see_line(&self, line: Line) -> Result<Option<Finding>, B::Error> {
        if line.shown_by.is_none() {
            return Ok(None);
        }
        let Some(file) = self.book.line(&line.key).await?.and_then(|line| line.shown_by) else {
            return Ok(None);
        };
        if let Some(own) = own_key(&line.key)
            && self.size(&own).await?.is_some()
        {
            return Ok(None);
        }
        Ok(Some(Finding::Missing { key: line.key, file, is_content: line.is_content }))
    }

    /// How large an object is; `None` where there is none.
    async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, StoreError> {
        match self.store.size(key).await {
            Ok(size) => Ok(Some(size)),
            Err(StoreError::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn compare_sizes(object: Listed, line: &Line) -> Option<Finding> {
    line.shown_by?;
    if object.size == line.size {
        return Some(Finding::Agreed);
    }
    Some(Finding::Resized { key: object.key, stored: object.size, known: line.size })
}

/// The key as the server has it, if it is one of the server's.
fn own_key(key: &str) -> Option<ObjectKey> {
    ObjectKey::try_from(key.to_owned()).ok().filter(|own| own.to_string() == key)
}

/// What is read page by page, one page of it in mind.
struct Pages<T, After> {
    page: VecDeque<T>,
    /// What the next page follows.
    after: After,
    is_over: bool,
}

impl<T, After> Pages<T, After> {
    fn new(after: After) -> Self {
        Self { page: VecDeque::new(), after, is_over: false }
    }

    fn wants_more(&self) -> bool {
        self.page.is_empty() && !self.is_over
    }

    fn take_in(&mut self, page: Vec<T>, place: impl FnOnce(&T) -> After) {
        match page.last() {
            Some(last) => self.after = place(last),
            None => self.is_over = true,
        }
        self.page = page.into();
    }
}
