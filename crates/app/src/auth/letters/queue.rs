//! The sender of letters: takes them from the queue, several at once, on as many servers as there are.
//!
//! A letter is leased while it is being sent, so that a server that dies leaves it to another. That it is handed over is
//! written down before: a server that stops without an answer leaves it in doubt, and a letter is in doubt once at most.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use base::clock::Clock;
use clients::mail::{Letter, Mailer, Way};
use clients::{Again, Error as ClientError};
use db::tokio_postgres::Row;
use db::tokio_postgres::types::Json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::templates::{self, Template};
use crate::auth::Auth;
use crate::auth::error::AuthError;

/// How many letters are sent at once: mail services take few at a time from one mailbox.
const SENDERS: usize = 3;

/// How often the queue is looked at when nobody calls: for letters whose next try has come, and for other
/// servers' letters.
const PAUSE: Duration = Duration::from_secs(5);

/// How long a letter belongs to who took it, and how often that is renewed while it is being sent: a mail server may
/// take minutes.
const LEASE_SECONDS: f64 = 150.0;
const RENEWAL: Duration = Duration::from_secs(10);

/// The pause after the first failure; each further one doubles it, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// How often what has expired is swept away.
const SWEEP: Duration = Duration::from_mins(10);

/// What became of letters.
const LETTERS: &str = "auth_letters_total";

/// Tells the recorder what is measured here.
pub(in crate::auth) fn describe() {
    metrics::describe_counter!(
        LETTERS,
        "Letters by outcome: sent, failed (tried again), refused (not tried again), \
         doubtful (perhaps sent, not tried again), exhausted (tried as often as the settings allow), \
         late (past its deadline); and by way: gmail, smtp, outbox, none."
    );
}

/// A letter that was taken from the queue.
struct Waiting {
    id: Uuid,
    tries: i32,
    template: String,
    locale: String,
    recipient: String,
    variables: BTreeMap<String, String>,
    written_at: f64,
    /// How long it is until its deadline.
    useful_for: Duration,
    is_doubtful: bool,
    /// Whether it was in doubt already when it was handed over, and no answer to that is known.
    is_out: bool,
    /// How many letters all servers have sent from the mailbox today.
    sent_today: u32,
}

impl Waiting {
    fn from_row(row: &Row) -> Result<Self, AuthError> {
        let Json(variables) = row.try_get::<_, Json<BTreeMap<String, String>>>("variables")?;
        Ok(Self {
            id: row.try_get("id")?,
            tries: row.try_get("tries")?,
            template: row.try_get("template")?,
            locale: row.try_get("locale")?,
            recipient: row.try_get("recipient")?,
            variables,
            written_at: row.try_get("written_at")?,
            useful_for: Duration::try_from_secs_f64(row.try_get("seconds_left")?).unwrap_or_default(),
            is_doubtful: row.try_get("is_doubtful")?,
            is_out: row.try_get("is_out")?,
            sent_today: u32::try_from(row.try_get::<_, i32>("sent_today")?).unwrap_or(0),
        })
    }
}

impl Auth {
    /// Sends letters until `stop`. `templates` is the operator's folder of texts, which need not hold all.
    pub async fn send_letters(
        &self,
        mailer: Mailer,
        templates: Option<PathBuf>,
        clock: Clock,
        stop: CancellationToken,
    ) {
        let desk = Desk { auth: self.clone(), mailer, templates, clock };
        let senders = futures::future::join_all((0..SENDERS).map(|_| desk.run()));
        tokio::select! {
            _ = senders => {}
            () = desk.sweep() => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Who sends.
struct Desk {
    auth: Auth,
    mailer: Mailer,
    templates: Option<PathBuf>,
    clock: Clock,
}

impl Desk {
    async fn run(&self) {
        loop {
            match self.send_next().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the queue of letters cannot be read"),
            }
            let _ = tokio::time::timeout(PAUSE, self.auth.0.letters_wait.notified()).await;
        }
    }

    async fn sweep(&self) {
        loop {
            self.auth.0.limits.sweep();
            for sql in [
                include_str!("../sql/sweep_tickets.sql"),
                include_str!("../sql/sweep_codes.sql"),
                include_str!("../sql/sweep_sessions.sql"),
                "delete from brain.provider_sign_ins where expires_at < now()",
                "delete from brain.webauthn_ceremonies where expires_at < now()",
            ] {
                if let Err(error) = self.auth.0.pool.execute(sql, &[]).await {
                    tracing::warn!(%error, "what has expired cannot be swept");
                }
            }
            let (days, now) = (include_str!("../sql/sweep_mailbox_days.sql"), self.clock.unix_seconds());
            if let Err(error) = self.auth.0.pool.execute(days, &[&now]).await {
                tracing::warn!(%error, "the days of mailboxes cannot be swept");
            }
            tokio::time::sleep(SWEEP).await;
        }
    }

    /// Sends one letter; false when none waits.
    async fn send_next(&self) -> Result<bool, AuthError> {
        let pool = &self.auth.0.pool;
        let late = pool.execute("delete from brain.letters where deadline <= now()", &[]).await?;
        count("late", "none", late);
        // What would be refused now keeps its place, and its next pause short.
        let Some(way) = self.mailer.open() else { return Ok(false) };
        let now = self.clock.unix_seconds();
        let take = include_str!("../sql/take_letter.sql");
        let taken = pool.query_opt(take, &[&LEASE_SECONDS, &way.mailbox(), &now]).await?;
        let Some(row) = taken else { return Ok(false) };
        let waiting = Waiting::from_row(&row)?;
        way.learn_sent(waiting.sent_today, now);
        // Others may have used the day up meanwhile.
        let way = self.mailer.open().unwrap_or(way);
        let Some(template) = Template::named(&waiting.template) else {
            // A letter to nobody: it made an unknown address cost as much as a known one.
            self.forget(waiting.id).await?;
            return Ok(true);
        };
        if waiting.is_out {
            tracing::error!(letter.id = %waiting.id, letter.template = waiting.template, "a letter is given up: a server stopped for the second time before it was answered");
            count("doubtful", "none", 1);
            self.forget(waiting.id).await?;
            return Ok(true);
        }
        let sending = Box::pin(self.send(way, &waiting, template));
        let result = self.keep(waiting.id, sending).await;
        // Whoever counts a mailbox's letters may have counted a doubtful one, too.
        let is_counted = !result.as_ref().is_err_and(|error| error.again() != Again::Once);
        match result {
            Ok(()) => {
                self.forget(waiting.id).await?;
                count("sent", way.name(), 1);
            }
            Err(error) => self.postpone(way, &waiting, &error).await?,
        }
        if let Some(mailbox) = way.mailbox().filter(|_| is_counted) {
            let now = self.clock.unix_seconds();
            pool.execute(include_str!("../sql/count_letter.sql"), &[&mailbox, &now]).await?;
        }
        Ok(true)
    }

    /// Keeps a letter ours as long as something is done with it.
    async fn keep<T>(&self, id: Uuid, mut work: impl Future<Output = T> + Unpin) -> T {
        loop {
            if let Ok(done) = tokio::time::timeout(RENEWAL, &mut work).await {
                return done;
            }
            let renew = "update brain.letters set next_try_at = now() + $2::float8 * interval '1 second' where id = $1";
            if let Err(error) = self.auth.0.pool.execute(renew, &[&id, &LEASE_SECONDS]).await {
                tracing::warn!(letter.id = %id, %error, "the hold of a letter cannot be renewed");
            }
        }
    }

    async fn send(&self, way: &Way, waiting: &Waiting, template: Template) -> Result<(), ClientError> {
        let texts =
            templates::render(self.templates.as_deref(), template, &waiting.locale, &waiting.variables);
        let mut headers = vec![("X-Email-Template", template.name().to_owned())];
        for (header, variable) in
            [("X-Redirect-To", "redirectTo"), ("X-Link", "link"), ("X-Ticket", "ticket")]
        {
            if let Some(value) = waiting.variables.get(variable) {
                headers.push((header, value.clone()));
            }
        }
        // Seconds since 1970 are far below where a float loses them.
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds are wanted")]
        let written_at = waiting.written_at as i64;
        let letter = Letter {
            id: waiting.id,
            written_at: written_at.min(self.clock.unix_seconds()),
            useful_for: waiting.useful_for,
            to: waiting.recipient.clone(),
            subject: texts.subject,
            text: texts.text,
            html: texts.html,
            headers,
        };
        Box::pin(way.send(&letter, self.note_out(waiting.id))).await
    }

    /// Writes down that a letter is being handed over. Where that cannot be, twice is better than never.
    async fn note_out(&self, id: Uuid) {
        let out = "update brain.letters set is_out = true where id = $1";
        if let Err(error) = self.auth.0.pool.execute(out, &[&id]).await {
            tracing::warn!(letter.id = %id, %error, "that a letter is handed over cannot be written down");
        }
    }

    async fn forget(&self, id: Uuid) -> Result<(), AuthError> {
        self.auth.0.pool.execute("delete from brain.letters where id = $1", &[&id]).await?;
        Ok(())
    }

    async fn postpone(&self, way: &Way, waiting: &Waiting, error: &ClientError) -> Result<(), AuthError> {
        let tries = u32::try_from(waiting.tries).unwrap_or(0);
        let is_exhausted = way.tries().is_some_and(|limit| tries >= limit.get());
        let pause = match error.again() {
            Again::Never => return self.give_up(way, waiting, error, "refused").await,
            Again::Once if waiting.is_doubtful => return self.give_up(way, waiting, error, "doubtful").await,
            _ if is_exhausted => return self.give_up(way, waiting, error, "exhausted").await,
            Again::Once | Again::Later => pause_after(waiting.tries),
            // This way asks to be left alone: another need not be.
            Again::After(_) if self.mailer.open().is_some() => pause_after(waiting.tries),
            Again::After(pause) => pause.max(pause_after(waiting.tries)),
        };
        tracing::warn!(letter.id = %waiting.id, letter.template = waiting.template, letter.way = way.name(), error.code = error.code(), pause.seconds = pause.as_secs(), %error, "a letter is tried again later");
        count("failed", way.name(), 1);
        let later = "update brain.letters
            set next_try_at = now() + $2::float8 * interval '1 second',
                is_doubtful = is_doubtful or $3::boolean, is_out = false
            where id = $1";
        let is_doubtful = error.again() == Again::Once;
        self.auth.0.pool.execute(later, &[&waiting.id, &pause.as_secs_f64(), &is_doubtful]).await?;
        Ok(())
    }

    async fn give_up(
        &self,
        way: &Way,
        waiting: &Waiting,
        error: &ClientError,
        outcome: &'static str,
    ) -> Result<(), AuthError> {
        tracing::error!(letter.id = %waiting.id, letter.template = waiting.template, letter.way = way.name(), error.code = error.code(), %error, "a letter is given up");
        count(outcome, way.name(), 1);
        self.forget(waiting.id).await
    }
}

fn count(outcome: &'static str, way: &'static str, letters: u64) {
    if letters > 0 {
        metrics::counter!(LETTERS, "outcome" => outcome, "way" => way).increment(letters);
    }
}

/// The pause after so many tries.
fn pause_after(tries: i32) -> Duration {
    let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(0).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        assert_eq!([1, 2, 3].map(pause_after), [2, 4, 8].map(Duration::from_secs));
        assert_eq!([0, 10, i32::MAX].map(pause_after), [FIRST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]);
    }
}
