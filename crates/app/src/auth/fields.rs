//! The values that people send, as types that cannot hold a bad one: an address, a password, a name.
//!
//! Rules: Nhost Auth's API description. The sentences go to the client and never quote a password.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use uuid::Uuid;

/// The longest address that can be written into a letter's envelope (RFC 5321, section 4.5.3.1.3).
const MAX_EMAIL_BYTES: usize = 254;

/// The longest part of an address before its `@` (RFC 5321, section 4.5.3.1.1).
const MAX_LOCAL_PART_BYTES: usize = 64;

const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 3..=50;
const MAX_DISPLAY_NAME_CHARS: usize = 32;
const MAX_URL_BYTES: usize = 2048;
const MAX_METADATA_BYTES: usize = 16 * 1024;

/// A mail address, as its owner wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Email(String);

impl Email {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Email {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if is_email(&text) { Ok(Self(text)) } else { Err("the e-mail address is malformed") }
    }
}

/// The rule of the HTML standard's `<input type=email>`, which is also that of the column's type, with the
/// lengths of RFC 5321.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    text.len() <= MAX_EMAIL_BYTES
        && (1..=MAX_LOCAL_PART_BYTES).contains(&local.len())
        && local.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte))
        && domain.split('.').all(is_domain_label)
}

fn is_domain_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// A password of a length that the API allows.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Password(SecretString);

impl Password {
    /// How long it is for the configured minimum, which counts bytes.
    pub(super) fn len_bytes(&self) -> usize {
        self.0.expose_secret().len()
    }

    pub(super) fn into_secret(self) -> SecretString {
        self.0
    }
}

impl TryFrom<String> for Password {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = PASSWORD_CHARS.contains(&text.chars().count());
        let secret = SecretString::from(text);
        if fits { Ok(Self(secret)) } else { Err("a password has 3 to 50 characters") }
    }
}

/// A person's name: letters, digits, symbols, spaces and `,.'-`. Symbols include `<` and `>`, so whoever
/// shows a name in a page must escape it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct DisplayName(pub(super) String);

impl DisplayName {
    /// The longest name.
    pub(super) const MAX_CHARS: usize = MAX_DISPLAY_NAME_CHARS;

    /// Whether a name may have this character.
    pub(super) fn allows(character: char) -> bool {
        is_name_character(character)
    }
}

impl TryFrom<String> for DisplayName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=MAX_DISPLAY_NAME_CHARS).contains(&text.chars().count());
        if !fits {
            return Err("a display name has 1 to 32 characters");
        }
        if !text.chars().all(is_name_character) {
            return Err("a display name has letters, digits, symbols, spaces and ,.'- only");
        }
        Ok(Self(text))
    }
}

fn is_name_character(character: char) -> bool {
    let group = character.general_category_group();
    let listed = matches!(
        group,
        GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number | GeneralCategoryGroup::Symbol
    );
    listed || " ,.'-".contains(character)
}

/// The name of a language. Which ones are on offer is configured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Locale(pub(super) String);

impl TryFrom<String> for Locale {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if matches!(text.chars().count(), 2 | 3) {
            Ok(Self(text))
        } else {
            Err("a locale has 2 or 3 characters")
        }
    }
}

/// Whatever the project keeps about a person: an object that the database can store.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub(super) struct Metadata(pub(super) Value);

impl TryFrom<Map<String, Value>> for Metadata {
    type Error = &'static str;

    fn try_from(map: Map<String, Value>) -> Result<Self, Self::Error> {
        let value = Value::Object(map);
        let text = value.to_string();
        if text.len() > MAX_METADATA_BYTES {
            return Err("the metadata is larger than 16 KiB");
        }
        if has_null_character(&value) {
            return Err("the metadata contains the character \\u0000");
        }
        Ok(Self(value))
    }
}

/// A `jsonb` has no U+0000. The depth is bounded by the reader of the JSON text.
fn has_null_character(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_null_character),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || has_null_character(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Where the link in a letter leads to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RedirectTo(pub(super) String);

impl TryFrom<String> for RedirectTo {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let absolute = text.parse::<axum::http::Uri>().is_ok_and(|uri| uri.scheme().is_some());
        if text.len() <= MAX_URL_BYTES && absolute {
            Ok(Self(text))
        } else {
            Err("redirectTo is not an absolute URL")
        }
    }
}

/// The text of a UUID in its usual form: 36 characters, small letters.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct UuidText(pub(super) String);

impl TryFrom<String> for UuidText {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let usual = Uuid::try_parse(&text).is_ok_and(|id| id.to_string() == text);
        if usual { Ok(Self(text)) } else { Err("a token is a UUID") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_ok<T: TryFrom<String>>(text: &str) -> bool {
        T::try_from(text.to_owned()).is_ok()
    }

    #[test]
    fn addresses() {
        for good in ["a@b", "a@b.c", "John.Smith+tag@Sub.Example.com", "o'neil!#$%&*/=?^_`{|}~-@x-y.org"] {
            assert!(is_ok::<Email>(good), "{good}");
        }
        let long_label = format!("a@{}.org", "x".repeat(64));
        let long_local = format!("{}@b.org", "x".repeat(65));
        let long = format!("a@{}org", "xxxxxxxxx.".repeat(26));
        for bad in [
            "",
            "a",
            "@b.c",
            "a@",
            "a@b..c",
            "a@.b",
            "a@b.",
            "a b@c.d",
            "a@b@c.d",
            "a@-b.c",
            "a@b-.c",
            "ü@b.c",
            "a@ü.de",
            "a@b.c\n",
            "a\0@b.c",
            "<a@b.c>",
            &long_label,
            &long_local,
            &long,
        ] {
            assert!(!is_ok::<Email>(bad), "{bad}");
        }
    }

    #[test]
    fn passwords_are_counted_in_characters() {
        assert!(!is_ok::<Password>("ab"));
        assert!(is_ok::<Password>("abc"));
        assert!(is_ok::<Password>(&"ü".repeat(50)));
        assert!(!is_ok::<Password>(&"ü".repeat(51)));
        assert!(!format!("{:?}", Password::try_from("hunter42".to_owned())).contains("hunter"));
    }

    #[test]
    fn display_names() {
        for good in [
            "Алёна",
            "Jean-Luc O'Neil, Jr.",
            "李小龍",
            "A",
            "R2 D2",
            "x + y = $",
            "☃",
            "<b>",
            &"я".repeat(32),
        ] {
            assert!(is_ok::<DisplayName>(good), "{good}");
        }
        for bad in ["", "a&b", "a/b", "a:b", "a\tb", "a\0b", "a\nb", "\"a\"", "a@b.c", &"я".repeat(33)] {
            assert!(!is_ok::<DisplayName>(bad), "{bad}");
        }
    }

    #[test]
    fn metadata_is_a_bounded_object_that_can_be_stored() {
        let read = |text: &str| serde_json::from_str::<Metadata>(text);
        assert_eq!(read(r#"{"a":[1]}"#).unwrap().0, serde_json::json!({"a": [1]}));
        for bad in [r#"{"a":"\u0000"}"#, r#"{"\u0000":1}"#, r#"{"a":[{"b":"\u0000"}]}"#, "[1]", "\"a\"", "1"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(&format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_METADATA_BYTES))).is_err());
    }

    #[test]
    fn urls_languages_and_uuids() {
        assert!(is_ok::<RedirectTo>("https://example.com/path?x=1"));
        assert!(is_ok::<RedirectTo>("myapp://callback"));
        for bad in ["", "/path", "not a url", "example.com"] {
            assert!(!is_ok::<RedirectTo>(bad), "{bad}");
        }
        assert!(is_ok::<UuidText>("2c35b6f3-c4b9-48e3-978a-d4d0f1d42e24"));
        for bad in ["2C35B6F3-C4B9-48E3-978A-D4D0F1D42E24", "2c35b6f3c4b948e3978ad4d0f1d42e24", "", "abc"] {
            assert!(!is_ok::<UuidText>(bad), "{bad}");
        }
        assert!(is_ok::<Locale>("ru") && is_ok::<Locale>("fil"));
        assert!(!is_ok::<Locale>("e") && !is_ok::<Locale>("en-US"));
    }
}
