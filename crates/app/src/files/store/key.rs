//! The key of a stored file: `uploads/<id>/<name>`, where the name is for people who look into the store
//! and has nothing in it but letters, digits, `.`, `-` and `_`.

use base::ids::FileId;

/// The longest name in a key. File systems allow 255 bytes; S3 allows 1024 for the whole key.
const MAX_NAME_BYTES: usize = 100;

/// How much of a name's end is kept as its extension when it is cut.
const MAX_EXTENSION_BYTES: usize = 12;

/// What a file without a usable name is called in the store.
const NAMELESS: &str = "file";

/// Where a file is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectKey {
    id: FileId,
    name: String,
}

impl ObjectKey {
    /// The key of the file `id`, which people call `name`.
    pub(crate) fn new(id: FileId, name: &str) -> Self {
        Self { id, name: safe_name(name) }
    }

    /// The folder that is the file `id`'s alone, relative to the store's root.
    pub(crate) fn folder_of(id: FileId) -> String {
        format!("uploads/{id}")
    }

    /// The folder that is this file's alone, relative to the store's root.
    pub(crate) fn folder(&self) -> String {
        Self::folder_of(self.id)
    }

    /// The safe name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// What of `name` may stand in a key. Never empty, never hidden, never a path.
fn safe_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
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
    fn the_id_alone_decides_the_folder() {
        let id = FileId(uuid::Uuid::nil());
        assert_eq!(ObjectKey::new(id, "/../x").folder(), format!("uploads/{id}"));
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
