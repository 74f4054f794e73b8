//! The outbox folder: letters as files, readable by their owner alone, for whoever develops without a mail server.

use std::path::{Path, PathBuf};

use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt;

use super::{Letter, Sender};
use crate::Error;

/// A folder that letters are put into.
#[derive(Clone, Debug)]
pub struct Outbox {
    folder: PathBuf,
    sender: Sender,
}

impl Outbox {
    /// Makes the folder, where there is none.
    pub fn open(folder: &Path, sender: Sender) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(Error::WriteLetter)?;
        Ok(Self { folder: folder.to_owned(), sender })
    }

    /// Where the letters are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) async fn send(&self, letter: &Letter) -> Result<(), Error> {
        let text = self.sender.compose(letter)?.formatted();
        // A file of this name is whole: it is renamed when it is.
        let path = self.folder.join(format!("{}-{}.eml", letter.written_at, letter.id));
        write(&path.with_extension("new"), &path, &text).await.map_err(Error::WriteLetter)
    }
}

async fn write(fresh: &Path, path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(fresh).await?;
    file.write_all(text).await?;
    file.flush().await?;
    tokio::fs::rename(fresh, path).await
}
