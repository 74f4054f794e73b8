//! `brainmessenger engine`: the GraphQL engine alone, over any database and anybody's metadata.

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use base::authenticate::Authenticator;
use base::clock::Clock;
use base::jwt::JwtKeys;
use db::{Address, Pool, PoolOptions};
use graphql::Engine;
use graphql::http::Endpoint;
use graphql::metadata::MetadataFolder;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::EngineConfig;
use crate::listener::Listener;
use crate::serve::{Signals, announce};

/// Serves until a signal comes or a part fails for good.
pub(crate) async fn serve(config: EngineConfig) -> anyhow::Result<()> {
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
        tracing::warn!("no admin secret: everybody is the administrator");
    }
    let metadata = MetadataFolder::read(&config.metadata)?.metadata()?;
    let listener = Listener::bind(config.listen).await?;
    let mut signals = Signals::new()?;
    let pool = Pool::open(Address::from_url(&config.database_url)?, PoolOptions::default()).await?;
    let starting = Engine::start(pool, &metadata, config.options());
    let (engine, mut feed) = Box::pin(starting).await?;
    let endpoint = Endpoint::new(engine, authenticator, clock, stop.clone());
    let router = graphql::http::router(endpoint, &["/v1/graphql"]);
    let router = router.merge(Router::new().route("/healthz", get(async || "OK")));
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
