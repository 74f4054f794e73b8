//! Keys of access tokens that somebody else keeps at an address (a JWK set): fetched at the start, again when the
//! answer's headers say that it is old, and when a token names a key that is not there, which anybody can make happen,
//! and which therefore has a floor of time.

use std::time::Duration;

use base::jwt::{JwtKeys, RemoteKeys};
use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::http::{Http, HttpOptions};
use crate::{Again, Error};

/// The service's name in metrics and errors.
const SERVICE: &str = "jwks";

const HTTP: HttpOptions = HttpOptions {
    connect_timeout: Duration::from_secs(5),
    timeout: Duration::from_secs(10),
    max_answer_bytes: 256 * 1024,
};

/// How long an answer is good that does not say.
const USUAL_LIFE: Duration = Duration::from_mins(10);

/// What is made of an answer that says too little or too much.
const SHORTEST_LIFE: Duration = Duration::from_secs(10);
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// The pauses after failures, from the first to the longest, where the address does not ask for a longer one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Tokens with unknown keys make the set be fetched this often at most.
const FLOOR: Duration = Duration::from_secs(10);

/// How long the start waits for keys.
const START: Duration = Duration::from_secs(5);

/// Fetches the keys at addresses among `keys`, and keeps them fresh until `stop`. Returns when the first have come
/// or `START` has passed: then the tokens of those that have not come are refused until they do.
///
/// The tasks end with `stop` alone.
pub async fn keep(keys: &JwtKeys, stop: &CancellationToken) -> Result<JoinSet<()>, Error> {
    let mut tasks = JoinSet::new();
    let http = Http::new(SERVICE, HTTP)?;
    for remote in keys.remotes() {
        let keeper = Keeper { remote, http: http.clone(), floor: FLOOR };
        let first = tokio::time::timeout(START, keeper.fetch()).await.unwrap_or(Err(Error::Call {
            service: SERVICE,
            reason: "the start does not wait longer".to_owned(),
            again: Again::Later,
        }));
        let stop = stop.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = keeper.run(first) => {}
                () = stop.cancelled() => {}
            }
        });
    }
    Ok(tasks)
}

/// Who keeps one set fresh.
struct Keeper {
    remote: RemoteKeys,
    http: Http,
    floor: Duration,
}

impl Keeper {
    async fn run(&self, mut fetched: Result<Duration, Error>) {
        let mut failures = 0;
        loop {
            let pause = match fetched {
                Ok(life) => {
                    failures = 0;
                    life
                }
                Err(error) => {
                    tracing::warn!(error.code = error.code(), %error, "the keys of access tokens cannot be fetched; those that were stay");
                    failures += 1;
                    let pause = FIRST_PAUSE.saturating_mul(1 << (failures - 1).min(6)).min(LONGEST_PAUSE);
                    match error.again() {
                        Again::After(asked) => pause.max(asked),
                        // An address that is wrong today may be set right without a restart.
                        Again::Never | Again::Once | Again::Later => pause,
                    }
                }
            };
            let missed = async {
                tokio::time::sleep(self.floor).await;
                self.remote.missed().await;
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = missed => {}
            }
            fetched = self.fetch().await;
        }
    }

    /// Fetches once; how long the answer is good.
    async fn fetch(&self) -> Result<Duration, Error> {
        let answer = self.http.get(self.remote.url(), HeaderMap::new()).await?;
        let keys = self.remote.install(answer.body()).map_err(|error| Error::Call {
            service: SERVICE,
            reason: error.to_string(),
            again: Again::Later,
        })?;
        tracing::debug!(jwks.keys = keys, "fetched keys of access tokens");
        Ok(life(answer.headers()))
    }
}

/// How long an answer is good: `max-age` less the time that it lay in a cache before (RFC 9111, section 4.2).
fn life(headers: &HeaderMap) -> Duration {
    let number = |text: &str| text.trim().trim_matches('"').parse::<u64>().ok();
    let control = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives: Vec<&str> = control.flat_map(|line| line.split(',')).map(str::trim).collect();
    let is_said = |name: &str| directives.iter().any(|directive| directive.eq_ignore_ascii_case(name));
    if is_said("no-store") || is_said("no-cache") {
        return USUAL_LIFE;
    }
    let max_age = directives.iter().find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then(|| number(value)).flatten()
    });
    let age = headers.get(AGE).and_then(|value| number(value.to_str().ok()?)).unwrap_or(0);
    let life = max_age.map_or(USUAL_LIFE, |seconds| Duration::from_secs(seconds.saturating_sub(age)));
    life.clamp(SHORTEST_LIFE, LONGEST_LIFE)
}

#[cfg(test)]
mod tests;
