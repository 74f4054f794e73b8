//! Have I Been Pwned's list of passwords that are known to thieves. Of a password's SHA-1 only the first five digits
//! leave this machine, and the answer is padded, so that its length says nothing.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Error;
use crate::http::{Http, HttpOptions};

/// Where the list is.
pub const ADDRESS: &str = "https://api.pwnedpasswords.com";

/// The limits of a call: a person waits for it.
pub const HTTP: HttpOptions = HttpOptions {
    connect_timeout: Duration::from_secs(3),
    timeout: Duration::from_secs(3),
    max_answer_bytes: 256 * 1024,
};

const DIGITS_SENT: usize = 5;

/// The list. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct PwnedPasswords {
    http: Http,
    address: String,
}

impl PwnedPasswords {
    /// The list at an address, [`ADDRESS`] or a copy of it, asked within these limits ([`HTTP`]).
    pub fn new(address: &str, limits: HttpOptions) -> Result<Self, Error> {
        Ok(Self { http: Http::new("hibp", limits)?, address: address.trim_end_matches('/').to_owned() })
    }

    /// Whether the password with this SHA-1, in 40 hexadecimal digits, is on the list.
    pub async fn contain(&self, sha1: &str) -> Result<bool, Error> {
        let sha1 = sha1.to_ascii_uppercase();
        let (sent, kept) = sha1.split_at_checked(DIGITS_SENT).unwrap_or((&sha1, ""));
        let padded = (HeaderName::from_static("add-padding"), HeaderValue::from_static("true"));
        let url = format!("{}/range/{sent}", self.address);
        let answer = self.http.get(&url, HeaderMap::from_iter([padded])).await?;
        let text = String::from_utf8_lossy(answer.body());
        let mut lines = text.lines().filter_map(|line| line.trim().split_once(':'));
        // Padding counts nought.
        Ok(lines.any(|(rest, count)| rest.eq_ignore_ascii_case(kept) && count != "0"))
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::extract::Path;
    use axum::http::HeaderMap;
    use axum::routing::get;

    use super::*;

    #[tokio::test]
    async fn five_digits_are_sent_and_the_rest_is_looked_for() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let answer = async |Path(sent): Path<String>, headers: HeaderMap| {
            assert_eq!((sent.as_str(), headers["add-padding"].as_bytes()), ("ABCDE", b"true".as_slice()));
            "00000000000000000000000000000000000:3\r\n11111111111111111111111111111111111:0\r\n"
        };
        let router = Router::new().route("/range/{sent}", get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let list = PwnedPasswords::new(&address, HttpOptions::default()).unwrap();
        assert!(list.contain(&format!("abcde{}", "0".repeat(35))).await.unwrap());
        assert!(!list.contain(&format!("abcde{}", "1".repeat(35))).await.unwrap());
        assert!(!list.contain(&format!("abcde{}", "2".repeat(35))).await.unwrap());
        let nobody = PwnedPasswords::new("http://127.0.0.1:1", HttpOptions::default()).unwrap();
        assert!(nobody.contain("abcdef").await.is_err());
    }
}
