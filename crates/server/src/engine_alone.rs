//! `brainmessenger engine`: the GraphQL engine alone, over any database and anybody's metadata.

use anyhow::Context;
use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::routing::get;
use base::authenticate::Authenticator;
use base::clock::Clock;
use base::jwt::JwtKeys;
use db::{Address, Pool};
use graphql::Engine;
use graphql::http::Endpoint;
use graphql::metadata::{Document, Metadata, MetadataFolder};
use graphql::metadata_api::{self, Mode};
use serde::Deserialize;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{EngineConfig, ignored_variables};
use crate::listener::Listener;
use crate::serve::{Signals, announce};
use crate::{cors, graphiql};

/// Serves until a signal comes or a part fails for good.
pub(crate) async fn serve(config: EngineConfig) -> anyhow::Result<()> {
    let ignored = ignored_variables();
    if !ignored.is_empty() {
        tracing::info!("settings of Hasura's that mean nothing here: {}", ignored.join(", "));
    }
    let clock = Clock::system();
    let jwt = config.jwt_secret.as_ref().map(|secret| JwtKeys::parse(secret, clock.clone()));
    let jwt = jwt.transpose().context("HASURA_GRAPHQL_JWT_SECRET")?;
    let stop = CancellationToken::new();
    let mut key_watch = match &jwt {
        Some(jwt) => clients::jwks::keep(jwt, &stop).await?,
        None => JoinSet::new(),
    };
    let authenticator =
        Authenticator::new(config.admin_secret.clone(), jwt, config.unauthorized_role.clone());
    if config.admin_secret.is_none() {
        tracing::warn!("no admin secret: everybody is the administrator, and the metadata API is off");
    }
    let metadata = metadata(&config)?;
    let listener = Listener::bind(config.address()).await?;
    let mut signals = Signals::new()?;
    let pool = Pool::open(Address::from_url(&config.database_url)?, config.pool()).await?;
    let starting = Engine::start(pool, &metadata, config.options());
    let (engine, mut feed) = Box::pin(starting).await?;
    let endpoint = Endpoint::new(engine.clone(), authenticator, clock, stop.clone()).with(config.endpoint());
    let router = router(&config, engine, endpoint);
    announce(&listener)?;
    let serving = tokio::spawn(listener.serve(router, stop.clone()));
    let result = tokio::select! {
        () = signals.any() => Ok(()),
        () = feed.died() => Err(anyhow::anyhow!("the change feed died")),
        Some(_) = key_watch.join_next() => Err(anyhow::anyhow!("the watch over the keys died")),
    };
    stop.cancel();
    let drained = serving.await.context("the listener died");
    result.and(drained)
}

fn metadata(config: &EngineConfig) -> anyhow::Result<Metadata> {
    Ok(match &config.metadata {
        Some(folder) => MetadataFolder::read(folder)?.metadata()?,
        None => Document::default().metadata()?,
    })
}

fn router(config: &EngineConfig, engine: Engine, endpoint: Endpoint) -> Router {
    let mut api = graphql::http::router(endpoint.clone(), &["/v1/graphql"]);
    if config.metadata_api() {
        api = api.merge(metadata_api::router(endpoint, Mode::Change));
    }
    if let Some(origins) = config.origins() {
        api = api.layer(cors::of(origins));
    }
    let health = get(async move |Query(asked): Query<HealthQuery>| health(&engine, asked.strict));
    let mut router = api
        .route("/healthz", health)
        .route("/v1/version", get(async || axum::Json(serde_json::json!({"version": version()}))));
    if config.enable_console {
        router = router.merge(graphiql::router()).merge(graphiql::redirects());
    }
    router
}

fn version() -> String {
    format!("brainmessenger-{}", env!("CARGO_PKG_VERSION"))
}

#[derive(Deserialize)]
struct HealthQuery {
    #[serde(default)]
    strict: bool,
}

/// As Hasura has it: what the database contradicts is a warning, and an error for those who ask strictly.
fn health(engine: &Engine, strict: bool) -> (StatusCode, &'static str) {
    let health = engine.health();
    if health.reload_failure.is_none() && health.inconsistencies == 0 {
        return (StatusCode::OK, "OK");
    }
    let status = if strict { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
    let word = match health.reload_failure {
        Some(_) => "WARN: a change of the schema could not be taken over",
        None => "WARN: inconsistent objects in schema",
    };
    (status, word)
}
