//! The texts of letters: files in a folder for each language and letter, `LOCALE/LETTER/subject.txt`,
//! `body.txt` and `body.html`. Those in the binary are used where the operator's folder has none.
//!
//! A variable stands as `${name}`. In HTML its value is escaped; in a subject it stays on its line. What stands between
//! `${#name}` and `${/name}` is left out where the variable has no value.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The largest file that is taken for a template.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// The letters, by the names of their folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::auth) enum Template {
    EmailVerify,
    EmailConfirmChange,
    EmailChanged,
    PasswordReset,
    SigninPasswordless,
    SigninOtp,
    MfaOtp,
    AccountDeleted,
}

impl Template {
    const ALL: [Self; 8] = [
        Self::EmailVerify,
        Self::EmailConfirmChange,
        Self::EmailChanged,
        Self::PasswordReset,
        Self::SigninPasswordless,
        Self::SigninOtp,
        Self::MfaOtp,
        Self::AccountDeleted,
    ];

    /// The folder's name.
    pub(in crate::auth) fn name(self) -> &'static str {
        match self {
            Self::EmailVerify => "email-verify",
            Self::EmailConfirmChange => "email-confirm-change",
            Self::EmailChanged => "email-changed",
            Self::PasswordReset => "password-reset",
            Self::SigninPasswordless => "signin-passwordless",
            Self::SigninOtp => "signin-otp",
            Self::MfaOtp => "mfa-otp",
            Self::AccountDeleted => "account-deleted",
        }
    }

    /// The letter of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|template| template.name() == name)
    }

    /// Subject, plain text and HTML in the binary; English where there is no such language.
    fn built_in(self, locale: &str) -> [&'static str; 3] {
        macro_rules! texts {
            ($locale:literal, $name:literal) => {
                [
                    include_str!(concat!("templates/", $locale, "/", $name, "/subject.txt")),
                    include_str!(concat!("templates/", $locale, "/", $name, "/body.txt")),
                    include_str!(concat!("templates/", $locale, "/", $name, "/body.html")),
                ]
            };
        }
        match (locale, self) {
            ("ru", Self::EmailVerify) => texts!("ru", "email-verify"),
            ("ru", Self::EmailConfirmChange) => texts!("ru", "email-confirm-change"),
            ("ru", Self::EmailChanged) => texts!("ru", "email-changed"),
            ("ru", Self::PasswordReset) => texts!("ru", "password-reset"),
            ("ru", Self::SigninPasswordless) => texts!("ru", "signin-passwordless"),
            ("ru", Self::SigninOtp) => texts!("ru", "signin-otp"),
            ("ru", Self::MfaOtp) => texts!("ru", "mfa-otp"),
            ("ru", Self::AccountDeleted) => texts!("ru", "account-deleted"),
            (_, Self::EmailVerify) => texts!("en", "email-verify"),
            (_, Self::EmailConfirmChange) => texts!("en", "email-confirm-change"),
            (_, Self::EmailChanged) => texts!("en", "email-changed"),
            (_, Self::PasswordReset) => texts!("en", "password-reset"),
            (_, Self::SigninPasswordless) => texts!("en", "signin-passwordless"),
            (_, Self::SigninOtp) => texts!("en", "signin-otp"),
            (_, Self::MfaOtp) => texts!("en", "mfa-otp"),
            (_, Self::AccountDeleted) => texts!("en", "account-deleted"),
        }
    }
}

/// A letter's texts with the variables filled in.
pub(super) struct Texts {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// Fills in a letter's texts. The operator's folder is read each time, so that a change needs no restart.
pub(super) fn render(
    folder: Option<&Path>,
    template: Template,
    locale: &str,
    variables: &BTreeMap<String, String>,
) -> Texts {
    let [subject, text, html] = template.built_in(locale);
    let own = |file: &str| own_text(folder?, locale, template, file);
    let subject = fill(&own("subject.txt").unwrap_or_else(|| subject.to_owned()), variables, one_line);
    let html = fill(&own("body.html").unwrap_or_else(|| html.to_owned()), variables, escape_html);
    let text = fill(&own("body.txt").unwrap_or_else(|| text.to_owned()), variables, str::to_owned);
    Texts { subject: one_line(subject.trim()), text, html }
}

/// The operator's file, where there is one that can be used. The language is one that the settings name.
fn own_text(folder: &Path, locale: &str, template: Template, file: &str) -> Option<String> {
    if !locale.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let path: PathBuf = folder.join(locale).join(template.name()).join(file);
    let size = std::fs::metadata(&path).ok()?.len();
    let read = if size > MAX_FILE_BYTES {
        Err(std::io::Error::other("larger than a letter"))
    } else {
        std::fs::read_to_string(&path)
    };
    read.inspect_err(
        |error| tracing::warn!(%error, path = %path.display(), "a letter's template is not used"),
    )
    .ok()
}

/// Replaces `${name}` by the variable's value; an unknown name becomes nothing, and `${#name}…${/name}` with it.
fn fill(template: &str, variables: &BTreeMap<String, String>, form: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            out.push_str("${");
            rest = after;
            continue;
        };
        rest = after;
        let value = |name: &str| variables.get(name).map(String::as_str).unwrap_or_default();
        match name.strip_prefix('#') {
            Some(name) if value(name).is_empty() => {
                let end = format!("${{/{name}}}");
                rest = after.split_once(&end).map_or(after, |(_, after)| after);
            }
            _ => out.push_str(&form(value(name))),
        }
    }
    out.push_str(rest);
    out
}

fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> BTreeMap<String, String> {
        let pairs = [
            ("displayName", "<b>Ann</b>"),
            ("link", "https://x.example/v1/verify?a=1&b=2"),
            ("email", "old@b.c"),
            ("newEmail", "new@b.c"),
            ("code", "123456"),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn every_letter_is_there_in_every_language_and_knows_its_variables() {
        for template in Template::ALL {
            assert_eq!(Template::named(template.name()), Some(template));
            let listed = include_str!("../../../../../.env.example");
            assert!(listed.contains(template.name()), "{template:?} is missing in .env.example");
            let [english, russian] = ["en", "ru"].map(|locale| render(None, template, locale, &variables()));
            assert_ne!(english.subject, russian.subject, "{template:?}");
            assert!(russian.text.chars().any(|letter| ('а'..='я').contains(&letter)), "{template:?}");
            for texts in [english, russian] {
                for text in [&texts.subject, &texts.text, &texts.html] {
                    assert!(!text.contains("${") && !text.trim().is_empty(), "{template:?}: {text}");
                }
                assert!(texts.text.contains("<b>Ann</b>") && texts.html.contains("&lt;b&gt;Ann"));
                let proof = match template {
                    Template::SigninOtp | Template::MfaOtp => "123456",
                    Template::EmailChanged => "new@b.c",
                    Template::AccountDeleted => "old@b.c",
                    _ => "https://x.example/v1/verify?a=1&b=2",
                };
                assert!(texts.text.contains(proof), "{template:?}");
                assert!(texts.html.contains(&escape_html(proof)), "{template:?}");
            }
        }
    }

    #[test]
    fn what_has_no_value_is_left_out_with_its_sentence() {
        let variables =
            BTreeMap::from([("code".to_owned(), "12".to_owned()), ("link".to_owned(), String::new())]);
        let filled = |template: &str| fill(template, &variables, str::to_owned);
        assert_eq!(filled("a ${#code}code ${code}, ${/code}b"), "a code 12, b");
        assert_eq!(filled("a ${#link}link ${link}, ${/link}b${#x}${code}${/x}"), "a b");
        assert_eq!(filled("a ${#link}b ${code}"), "a b 12");
        assert_eq!(filled("${#code}a${#link}b${/link}c${/code}"), "ac");
    }

    #[test]
    fn the_operators_files_win_one_by_one() {
        let folder = std::env::temp_dir().join(format!("brain-templates-{}", uuid::Uuid::new_v4()));
        let letter = folder.join("en/signin-otp");
        std::fs::create_dir_all(&letter).unwrap();
        std::fs::write(letter.join("subject.txt"), "Code\n${code} ${unknown} ${displayName").unwrap();
        let texts = render(Some(&folder), Template::SigninOtp, "en", &variables());
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(texts.subject, "Code 123456  ${displayName");
        assert!(texts.text.contains("your code to sign in is"));
    }
}
