//! Sessions that end before their tokens: the access token names its refresh token, and who signs out, everywhere or
//! from another device, deletes that row. Whoever holds a socket open hears of the commit.

use std::sync::Arc;
use std::time::Duration;

use base::project::{GraphqlRequest, Project};
use base::revocation::Revocations;
use base::session::Session;
use futures::StreamExt;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::sessions::REFRESH_TOKEN_ID;

/// The person, while they may come in and the session is there.
const LIVING: &str = "subscription living($user: uuid!, $session: uuid!) {
  users(where: { id: { _eq: $user }, disabled: { _eq: false }, refreshTokens: { id: { _eq: $session } } }) { id }
}";

/// How long to wait when the project cannot be asked.
const PAUSE: Duration = Duration::from_secs(5);

/// Sessions as the project's rows have them.
#[derive(Clone)]
pub struct SessionRows(Arc<dyn Project>);

#[derive(Deserialize)]
struct Living {
    users: Vec<IgnoredAny>,
}

impl SessionRows {
    /// The sessions of a project.
    pub fn new(project: Arc<dyn Project>) -> Self {
        Self(project)
    }
}

impl Revocations for SessionRows {
    fn revoked(&self, session: &Session) -> BoxFuture<'static, ()> {
        let named = session.user_id().zip(session.variable(REFRESH_TOKEN_ID).map(str::to_owned));
        let Some((user, session)) = named else { return Box::pin(std::future::pending()) };
        let project = Arc::clone(&self.0);
        let request = GraphqlRequest::new(LIVING, json!({ "user": user.to_string(), "session": session }));
        Box::pin(async move {
            loop {
                let mut states = project.watch(&Session::admin(), request.clone());
                while let Some(state) = states.next().await {
                    match state.map(|bytes| serde_json::from_slice::<Living>(&bytes)) {
                        Ok(Ok(living)) if living.users.is_empty() => return,
                        Ok(Ok(_)) => {}
                        Ok(Err(error)) => {
                            tracing::error!(%error, "a session's rows cannot be read");
                        }
                        Err(error) => tracing::debug!(%error, "a session cannot be watched"),
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    }
}
