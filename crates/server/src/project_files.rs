//! The folder `nhost/` inside the binary: the migrations and the metadata that also deploy to Nhost.

use std::borrow::Cow;

use db::migrate::MigrationSet;
use graphql::metadata::{Metadata, MetadataFolder};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../nhost"]
struct ProjectFiles;

/// The project's migrations.
pub(crate) fn migrations() -> anyhow::Result<MigrationSet> {
    let mut entries = Vec::new();
    for (path, text) in texts("migrations/default/", "/up.sql")? {
        entries.push((path, Cow::Owned(text)));
    }
    Ok(MigrationSet::from_entries("project", entries)?)
}

/// The project's metadata.
pub(crate) fn metadata() -> anyhow::Result<Metadata> {
    let files = texts("metadata/", "")?;
    let folder = MetadataFolder::from_files(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    Ok(folder.metadata()?)
}

/// The files whose paths begin and end so, by what is in between.
fn texts(before: &str, after: &str) -> anyhow::Result<Vec<(String, String)>> {
    let mut texts = Vec::new();
    for path in ProjectFiles::iter() {
        let Some(name) = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)) else {
            continue;
        };
        let file = ProjectFiles::get(&path).ok_or_else(|| anyhow::anyhow!("nhost/{path} cannot be read"))?;
        texts.push((name.to_owned(), String::from_utf8(file.data.into_owned())?));
    }
    Ok(texts)
}
