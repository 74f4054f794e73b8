//! A database with the fixture, an engine over it, and callers.

use std::borrow::Cow;

use base::project::{GraphqlError, GraphqlRequest};
use base::session::Session;
use changes::{Feed, FeedState};
use db::migrate::MigrationSet;
use db::testing::TestDatabase;
use futures::future::BoxFuture;
use graphql::metadata::{Metadata, MetadataFolder};
use graphql::{Engine, EngineOptions};
use serde_json::{Value, json};

pub(crate) const ANN: &str = "00000000-0000-0000-0000-000000000001";
pub(crate) const BOB: &str = "00000000-0000-0000-0000-000000000002";

/// The engine over a database of its own.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) feed: Feed,
    pub(crate) database: TestDatabase,
}

pub(crate) fn metadata() -> Metadata {
    let files = [
        ("databases/databases.yaml", include_str!("fixture/databases.yaml")),
        ("inherited_roles.yaml", include_str!("fixture/inherited_roles.yaml")),
    ];
    MetadataFolder::from_files(files).metadata().expect("the fixture's metadata is good")
}

impl World {
    pub(crate) fn new() -> BoxFuture<'static, Self> {
        Self::with(EngineOptions::default())
    }

    pub(crate) fn with(options: EngineOptions) -> BoxFuture<'static, Self> {
        Box::pin(Self::start(options))
    }

    async fn start(options: EngineOptions) -> Self {
        let migrations =
            MigrationSet::from_entries("fixture", [("1_fixture", include_str!("fixture/up.sql"))]);
        let database = TestDatabase::create(&[&migrations.expect("the fixture is good")]).await;
        let pool = database.pool().await;
        let (engine, feed) = Engine::start(pool, &metadata(), options).await.expect("the engine starts");
        assert_eq!(engine.inconsistencies(), Vec::<String>::new());
        Self { engine, feed, database }
    }

    /// Waits until changes come by replication.
    pub(crate) async fn streaming(&self) {
        let mut state = self.feed.state();
        let streaming = state.wait_for(|state| *state == FeedState::Streaming);
        tokio::time::timeout(std::time::Duration::from_secs(20), streaming)
            .await
            .expect("in time")
            .expect("alive");
    }

    pub(crate) async fn run(
        &self,
        session: &Session,
        query: &str,
        variables: Value,
    ) -> Result<Value, GraphqlError> {
        let data = self.engine.execute(session, &GraphqlRequest::new(query, variables)).await?;
        Ok(serde_json::from_slice(&data).expect("the answer is JSON"))
    }

    pub(crate) async fn ok(&self, session: &Session, query: &str) -> Value {
        self.run(session, query, json!({})).await.unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    pub(crate) async fn refused(
        &self,
        session: &Session,
        query: &str,
    ) -> (Cow<'static, str>, String, String) {
        self.refused_with(session, query, json!({})).await
    }

    pub(crate) async fn refused_with(
        &self,
        session: &Session,
        query: &str,
        variables: Value,
    ) -> (Cow<'static, str>, String, String) {
        match self.run(session, query, variables).await {
            Ok(data) => panic!("{query} answered {data}"),
            Err(error) => (error.code, error.path, error.message),
        }
    }
}

pub(crate) fn user(id: &str) -> Session {
    Session::new("user", [("X-Hasura-User-Id".to_owned(), id.to_owned())], false)
}

pub(crate) fn public() -> Session {
    Session::new("public", [], false)
}
