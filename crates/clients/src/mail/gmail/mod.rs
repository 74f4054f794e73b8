//! Letters through the Gmail API (`users.messages.send`), from one mailbox.
//!
//! A call is made once and never repeated here, but after a token that Gmail refused: the queue of letters decides
//! about further tries by what the fault says. Source: the Gmail API's reference; limits as of 2026-05-01.

mod answer;
mod fault;
mod quota;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use base::clock::Clock;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde::Serialize;

use super::{Closed, Letter, Sender};
use crate::google::{AccessToken, Source, TokenError, TokenOptions, Tokens};
use crate::http::{Http, HttpOptions, NoAnswer};
use crate::{Again, Error};
use fault::Fault;
use quota::{Quota, Spent};

/// All that the token may do: send. It cannot read a letter.
const SCOPE: &str = "https://www.googleapis.com/auth/gmail.send";

/// Where Gmail is.
pub const BASE_URL: &str = "https://gmail.googleapis.com";

/// How a mailbox at Gmail is reached.
#[derive(Clone, Debug)]
pub struct GmailOptions {
    /// Where Gmail is, without a slash at the end: [`BASE_URL`], but in tests.
    pub base_url: String,
    /// Who may send.
    pub source: Source,
    /// Where tokens are fetched, in the place of what the credentials name.
    pub token_url: Option<String>,
    /// Limits of each call.
    pub http: HttpOptions,
    /// The mailbox's units a minute: 6,000, or 15,000 for projects from before May 2026. A letter costs 100.
    pub units_per_minute: u32,
    /// How many letters the mailbox may send a day: 500, or 2,000 with Google Workspace.
    pub letters_per_day: u32,
    /// How often a letter is tried; `None` is until its deadline.
    pub tries: Option<NonZeroU32>,
}

/// A mailbox at Gmail. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Gmail(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Http,
    tokens: Tokens,
    sender: Sender,
    url: String,
    quota: Mutex<Quota>,
    tries: Option<NonZeroU32>,
    clock: Clock,
}

#[derive(Serialize)]
struct SendRequest {
    raw: String,
}

impl Gmail {
    /// Gets ready; connects to nobody yet.
    pub fn new(options: GmailOptions, sender: Sender, clock: Clock) -> Result<Self, Error> {
        let http = Http::new("gmail", options.http)?;
        let token_options =
            TokenOptions { source: options.source, scope: SCOPE, token_url: options.token_url };
        let tokens = Tokens::new(Http::new("google-token", options.http)?, token_options, clock.clone());
        let url = format!("{}/gmail/v1/users/me/messages/send", options.base_url);
        let quota = Mutex::new(Quota::new(options.units_per_minute, options.letters_per_day));
        Ok(Self(Arc::new(Inner { http, tokens, sender, url, quota, tries: options.tries, clock })))
    }

    /// Reads the credentials, so that a wrong file is noticed at start.
    pub async fn check(&self) -> Result<(), Error> {
        self.0.tokens.check().await.map_err(|error| Error::ConfigureMail(error.to_string()))
    }

    /// Reads the credentials anew, and ends a wait that the old ones brought about.
    pub(super) async fn reload(&self) {
        self.0.tokens.reload().await;
        self.quota(|quota, _| quota.release());
    }

    pub(super) fn mailbox(&self) -> String {
        self.0.sender.address()
    }

    pub(super) fn learn_sent(&self, letters: u32, at: i64) {
        self.quota(|quota, now| quota.learn(letters, at, now));
    }

    pub(super) fn tries(&self) -> Option<NonZeroU32> {
        self.0.tries
    }

    /// Whether and how long no letter can be sent, where that is known.
    pub(super) fn closed(&self) -> Option<Closed> {
        let spent = self.quota(|quota, now| {
            quota.tell(now);
            quota.spent(now)
        });
        spent.map(|spent| match spent {
            Spent::Minute(pause) | Spent::Held(pause) => Closed::Awhile(pause),
            Spent::Day(pause) => Closed::Today(pause),
        })
    }

    pub(super) async fn send(&self, letter: &Letter, before: impl Future<Output = ()>) -> Result<(), Error> {
        let text = self.0.sender.compose(letter)?.formatted();
        let body = serde_json::to_vec(&SendRequest { raw: URL_SAFE_NO_PAD.encode(text) })
            .map_err(|error| Error::ComposeLetter(error.to_string()))?;
        let taken = self.quota(|quota, now| quota.take(now).map(|()| now));
        let taken = taken.map_err(|spent| Error::from(Fault::OwnLimit(spent)))?;
        let result = self.send_body(body, before).await;
        if let Err(fault) = &result {
            self.quota(|quota, now| {
                // As whoever counts for all servers counts: what Gmail took, and what it may have taken.
                if fault.again() != Again::Once {
                    quota.give_back(taken, now);
                }
                match (fault, fault.hold()) {
                    (Fault::DaySpent, Some(pause)) => quota.end_day(now, pause),
                    (_, Some(pause)) => quota.hold(now, pause),
                    (_, None) => {}
                }
            });
        }
        Ok(result?)
    }

    async fn send_body(&self, body: Vec<u8>, before: impl Future<Output = ()>) -> Result<(), Fault> {
        let token = self.0.tokens.token().await.map_err(Fault::Token)?;
        before.await;
        match self.call(&token, body.clone()).await {
            // Revoked before its time: a fresh one may do. Gmail did nothing with the letter.
            Err(Fault::Unauthorized) => {
                self.0.tokens.discard(&token).await;
                let token = self.0.tokens.token().await.map_err(Fault::Token)?;
                self.call(&token, body).await
            }
            result => result,
        }
    }

    async fn call(&self, token: &AccessToken, body: Vec<u8>) -> Result<(), Fault> {
        let request = http::Request::builder()
            .method(http::Method::POST)
            .uri(&self.0.url)
            .header(AUTHORIZATION, token.authorization())
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|_| Fault::Token(TokenError::Refused("its token is no header's value".to_owned())))?;
        match self.0.http.send(request).await {
            Ok(answer) => answer::read(&answer, self.0.clock.unix_seconds()),
            Err(NoAnswer::Unreachable | NoAnswer::Malformed) => Err(Fault::Unreachable),
            Err(NoAnswer::Silent) => Err(Fault::Silent),
            Err(NoAnswer::Broken | NoAnswer::TooLarge) => Err(Fault::Broken),
        }
    }

    fn quota<T>(&self, act: impl FnOnce(&mut Quota, i64) -> T) -> T {
        // Counting cannot be left half done: a thread that died holding it has left nothing wrong.
        act(&mut self.0.quota.lock().unwrap_or_else(PoisonError::into_inner), self.0.clock.unix_seconds())
    }
}
