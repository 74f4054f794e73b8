//! The key of a stored object: `uploads/<file id>/<name>`, where the name is for people who look into the store
//! and has nothing in it but letters, digits, `.`, `-` and `_`.

use base::ids::FileId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The longest name in a key. File systems allow 255 bytes; S3 allows 1024 for the whole key.
const MAX_NAME_BYTES: usize = 100;

/// How much of a name's end is kept as its extension when it is cut.
const MAX_EXTENSION_BYTES: usize = 12;

/// What a file without a usable name is called in the store.
const NAMELESS: &str = "file";

const ROOT: &str = "uploads";

/// How many signs tell two keys of one file apart.
const TOKEN_CHARS: usize = 8;

/// Where an object is in the store. It leads nowhere else, whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectKey {
    id: FileId,
    name: String,
}

impl ObjectKey {
    /// The key of the content of the file `id`, which people call `name`.
    pub(crate) fn content(id: FileId, name: &str) -> Self {
        Self { id, name: safe_name(name) }
    }

    /// Another key for the same, which nothing has had.
    pub(crate) fn fresh(&self) -> Self {
        Self { id: self.id, name: safe_name(&format!("{}-{}", token(), self.name)) }
    }

    /// A key for a thumbnail of the file `id`. No content has such a name, for none is hidden.
    pub(crate) fn thumbnail(id: FileId, extension: &str) -> Self {
        Self { id, name: format!(".thumbnail-{}.{extension}", token()) }
    }

    /// The folder that is this file's alone, relative to the store's root.
    pub(crate) fn folder(&self) -> String {
        format!("{ROOT}/{}", self.id)
    }

    /// The name in that folder.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The file that it is of.
    pub fn file_id(&self) -> FileId {
        self.id
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{ROOT}/{}/{}", self.id, self.name)
    }
}

impl From<ObjectKey> for String {
    fn from(key: ObjectKey) -> Self {
        key.to_string()
    }
}

/// A text is no key.
#[derive(Debug, thiserror::Error)]
#[error("this is no key of a stored file")]
pub struct NoKey;

impl TryFrom<String> for ObjectKey {
    type Error = NoKey;

    fn try_from(text: String) -> Result<Self, NoKey> {
        let mut parts = text.splitn(3, '/');
        let (root, id, name) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
        let safe =
            !name.is_empty() && name.len() <= MAX_NAME_BYTES + TOKEN_CHARS && name.chars().all(is_safe);
        if root != Some(ROOT) || !safe || name.trim_start_matches('.').is_empty() {
            return Err(NoKey);
        }
        let id: FileId = id.and_then(|id| id.parse().ok()).ok_or(NoKey)?;
        let key = Self { id, name: name.to_owned() };
        // An id can be written in several ways, of which one is ours: under another it is another object.
        if key.to_string() == text { Ok(key) } else { Err(NoKey) }
    }
}

fn token() -> String {
    let mut token = Uuid::new_v4().simple().to_string();
    token.truncate(TOKEN_CHARS);
    token
}

fn is_safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// What of `name` may stand in a key. Never empty, never hidden, never a path.
fn safe_name(name: &str) -> String {
    let safe = |c: char| if is_safe(c) { c } else { '_' };
    let name: String = name.chars().map(safe).collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() {
        return NAMELESS.to_owned();
    }
    if name.len() <= MAX_NAME_BYTES {
        return name.to_owned();
    }
    let extension = match name.rfind('.') {
        Some(dot) if name.len() - dot <= MAX_EXTENSION_BYTES => name.get(dot..).unwrap_or_default(),
        _ => "",
    };
    let stem = name.get(..MAX_NAME_BYTES - extension.len()).unwrap_or_default();
    format!("{stem}{extension}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_lose_what_could_lead_elsewhere() {
        assert_eq!(safe_name("photo 1.jpg"), "photo_1.jpg");
        assert_eq!(safe_name("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(safe_name(".."), NAMELESS);
        assert_eq!(safe_name(""), NAMELESS);
        assert_eq!(safe_name(".bashrc"), "bashrc");
        assert_eq!(safe_name("фото.png"), "____.png");
        let long = format!("{}.jpeg", "a".repeat(300));
        assert_eq!(safe_name(&long), format!("{}.jpeg", "a".repeat(95)));
        assert_eq!(safe_name(&"a".repeat(300)).len(), MAX_NAME_BYTES);
    }

    #[test]
    fn a_key_reads_back_and_leads_nowhere_else() {
        let id = FileId(Uuid::nil());
        let content = ObjectKey::content(id, "/../x");
        assert_eq!((content.folder(), content.name()), (format!("uploads/{id}"), "_.._x"));
        let thumbnail = ObjectKey::thumbnail(id, "jpg");
        for key in [content.clone(), content.fresh(), content.fresh().fresh(), thumbnail] {
            assert_eq!(ObjectKey::try_from(key.to_string()).ok(), Some(key));
        }
        assert_ne!(content.fresh(), content.fresh());
        for other in [
            "",
            "uploads",
            "uploads/x/y",
            "other/{}/y",
            "uploads/{}/",
            "uploads/{}/..",
            "uploads/{}/a/b",
            "/uploads/{}/a",
        ] {
            assert!(ObjectKey::try_from(other.replace("{}", &id.to_string())).is_err(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_name_becomes_one_harmless_component(name in any::<String>()) {
            let safe = safe_name(&name);
            prop_assert!(!safe.is_empty() && safe.len() <= MAX_NAME_BYTES);
            prop_assert!(!safe.starts_with('.'));
            prop_assert!(safe.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')));
            prop_assert_eq!(safe_name(&safe), safe);
        }
    }
}
