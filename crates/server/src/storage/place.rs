//! Where objects are: a bucket or a folder, listed in the order of their keys.

use std::collections::VecDeque;

use clients::s3::{Bucket, PREFIX};

use super::folder::Folder;

/// An object that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// Its key.
    pub(super) key: String,
    /// In bytes.
    pub(super) size: u64,
}

/// Where objects are.
pub(super) enum Place {
    /// At S3, or at a store that speaks its protocol.
    Bucket(Bucket),
    /// In a folder of this machine.
    Folder(Folder),
}

impl Place {
    /// How large the object is; `None` where there is none.
    pub(super) async fn size(&self, key: &str) -> anyhow::Result<Option<u64>> {
        match self {
            Self::Bucket(bucket) => match bucket.head(key).await {
                Ok(state) => Ok(Some(state.size)),
                Err(clients::Error::ObjectMissing) => Ok(None),
                Err(error) => Err(error.into()),
            },
            Self::Folder(folder) => Ok(folder.size(key).await?),
        }
    }

    async fn page(&self, after: Option<&str>) -> anyhow::Result<Vec<Object>> {
        match self {
            Self::Bucket(bucket) => {
                let page = bucket.list(PREFIX, after).await?;
                Ok(page.into_iter().map(|listed| Object { key: listed.key, size: listed.size }).collect())
            }
            Self::Folder(folder) => Ok(folder.page(after).await?),
        }
    }
}

/// All objects one by one, a page of them in mind.
pub(super) struct Objects<'a> {
    place: &'a Place,
    page: VecDeque<Object>,
    after: Option<String>,
}

impl<'a> Objects<'a> {
    /// Those of `place`.
    pub(super) fn of(place: &'a Place) -> Self {
        Self { place, page: VecDeque::new(), after: None }
    }

    /// The next one, which stays the next one until it is taken.
    pub(super) async fn peek(&mut self) -> anyhow::Result<Option<&Object>> {
        if self.page.is_empty() {
            self.page = self.place.page(self.after.as_deref()).await?.into();
            if let Some(last) = self.page.back() {
                self.after = Some(last.key.clone());
            }
        }
        Ok(self.page.front())
    }

    /// Takes the one that was peeked at.
    pub(super) fn take(&mut self) -> Option<Object> {
        self.page.pop_front()
    }
}
