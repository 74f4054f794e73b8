//! One letter to one person, and its text in the form of RFC 5322: plain text first, then HTML.
//!
//! A line break in an address, a name or a header would begin a header of the sender's choice: it is refused.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use uuid::Uuid;

use crate::Error;

/// A letter.
#[derive(Clone)]
pub struct Letter {
    /// What it is known by: the same at each try, so that a mail server may notice a repetition.
    pub id: Uuid,
    /// When it was written, in seconds since 1970.
    pub written_at: i64,
    /// How long it is of use from now: nobody waits longer for an answer to it.
    pub useful_for: Duration,
    /// The address of its only reader.
    pub to: String,
    /// One line.
    pub subject: String,
    /// The letter as plain text.
    pub text: String,
    /// The same in HTML.
    pub html: String,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
}

impl fmt::Debug for Letter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Letter").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Who writes: `address@domain`, or `Name <address@domain>`.
#[derive(Clone, Debug)]
pub struct Sender(Mailbox);

impl Sender {
    /// Reads a sender.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mailbox = text.parse().map_err(|error| Error::ConfigureMail(format!("the sender: {error}")))?;
        Ok(Self(mailbox))
    }

    /// The bare address.
    pub fn address(&self) -> String {
        self.0.email.to_string()
    }

    /// The whole letter, from this sender.
    pub(super) fn compose(&self, letter: &Letter) -> Result<Message, Error> {
        let single_lines = std::iter::once(&letter.subject)
            .chain(std::iter::once(&letter.to))
            .chain(letter.headers.iter().map(|(_, value)| value));
        if single_lines.into_iter().any(|line| line.contains(['\r', '\n', '\0'])) {
            return Err(Error::ComposeLetter("a header contains a line break".to_owned()));
        }
        let to = letter.to.parse().map_err(|_| Error::ComposeLetter("the reader's address".to_owned()))?;
        let seconds = u64::try_from(letter.written_at).unwrap_or(0);
        let mut message = Message::builder()
            .from(self.0.clone())
            .to(Mailbox::new(None, to))
            .subject(&letter.subject)
            .date(UNIX_EPOCH + Duration::from_secs(seconds))
            .message_id(Some(format!("<{}@{}>", letter.id, self.0.email.domain())))
            .multipart(MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone()))
            .map_err(|error| Error::ComposeLetter(error.to_string()))?;
        let headers = message.headers_mut();
        headers.insert_raw(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
        for (name, value) in &letter.headers {
            headers.insert_raw(HeaderValue::new(HeaderName::new_from_ascii_str(name), value.clone()));
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        Letter {
            id: Uuid::nil(),
            written_at: 1_700_000_000,
            useful_for: Duration::from_mins(10),
            to: "reader@example.com".to_owned(),
            subject: "Ваш код".to_owned(),
            text: "Код: 123456".to_owned(),
            html: "<p>Код: <b>123456</b></p>".to_owned(),
            headers: vec![("X-Email-Template", "signin-otp".to_owned())],
        }
    }

    #[test]
    fn a_letter_has_both_forms_and_the_headers_of_a_machine() {
        let sender = Sender::parse("Brain <no-reply@brain.example>").unwrap();
        let text = String::from_utf8(sender.compose(&letter()).unwrap().formatted()).unwrap();
        for part in [
            "From: Brain <no-reply@brain.example>\r\n",
            "To: reader@example.com\r\n",
            "Subject: =?utf-8?b?",
            "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n",
            "Message-ID: <00000000-0000-0000-0000-000000000000@brain.example>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "X-Email-Template: signin-otp\r\n",
            "multipart/alternative",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(text.find("text/plain").unwrap() < text.find("text/html").unwrap());
    }

    #[test]
    fn no_line_break_gets_into_a_header() {
        let sender = Sender::parse("no-reply@brain.example").unwrap();
        let break_in = |change: &dyn Fn(&mut Letter)| {
            let mut letter = letter();
            change(&mut letter);
            sender.compose(&letter).is_err()
        };
        assert!(break_in(&|letter| letter.subject.push_str("\r\nBcc: all@example.com")));
        assert!(break_in(&|letter| letter.to.push_str("\nBcc: all@example.com")));
        assert!(break_in(&|letter| letter.headers.push(("X-Link", "a\r\nBcc: b".to_owned()))));
        assert!(Sender::parse("a@b.c\r\nBcc: all@example.com").is_err());
    }

    #[test]
    fn a_letter_does_not_show_itself() {
        assert!(!format!("{:?}", letter()).contains("123456"));
    }
}
