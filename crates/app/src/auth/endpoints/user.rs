//! `GET /user`: the person whose access token the request shows, as long as the token is good: like any other reading,
//! and unlike what changes the account, it does not ask whether the session has ended.

use axum::Json;
use axum::extract::State;
use uuid::Uuid;

use crate::auth::Auth;
use crate::auth::error::{AuthError, RefusedToken};
use crate::auth::request::Bearer;
use crate::auth::user::{Standing, User};

pub(in crate::auth) async fn handle(
    State(auth): State<Auth>,
    bearer: Bearer,
) -> Result<Json<User>, AuthError> {
    let row = auth
        .0
        .pool
        .query_opt(include_str!("../sql/find_user.sql"), &[&bearer.0.0, &None::<Uuid>])
        .await?
        .ok_or(RefusedToken::UnknownUser)?;
    Standing::from_row(&row)?.check_known(&auth.0.options)?;
    Ok(Json(User::from_row(&row)?))
}
