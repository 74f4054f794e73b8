//! The project's database with the engine over it, as clients meet it.

use std::path::Path;
use std::time::Duration;

use base::project::{GraphqlError, GraphqlRequest};
use base::session::{Session, USER_ROLE};
use db::testing::TestDatabase;
use db::{Pool, PoolOptions};
use graphql::metadata::{Metadata, MetadataFolder};
use graphql::{Engine, EngineOptions};
use serde_json::{Value, json};

use super::database;

pub(crate) struct World {
    pub(crate) pool: Pool,
    pub(crate) engine: Engine,
    _feed: changes::Feed,
    _database: TestDatabase,
}

pub(super) fn metadata() -> Metadata {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nhost/metadata");
    MetadataFolder::read(&folder).unwrap().metadata().unwrap()
}

/// The session of a person in the role `user`.
pub(super) fn as_person(id: &str) -> Session {
    Session::new(USER_ROLE, [("x-hasura-user-id".to_owned(), id.to_owned())], false)
}

impl World {
    /// With as many connections as writers at once need to meet in the database rather than before it.
    pub(super) async fn start() -> Self {
        Box::pin(Self::start_with(PoolOptions {
            lanes: 16,
            exclusive: 24,
            // A wait for a lock that would last is a failure.
            statement_timeout: Duration::from_mins(1),
            application_name: "brainmessenger test".to_owned(),
            ..PoolOptions::default()
        }))
        .await
    }

    pub(crate) async fn start_with(options: PoolOptions) -> Self {
        let database = database().await;
        let pool = Pool::open(database.address().clone(), options).await.unwrap();
        let (engine, feed) = start_engine(&pool).await;
        Self { pool, engine, _feed: feed, _database: database }
    }

    pub(crate) async fn run(
        &self,
        session: &Session,
        query: &str,
        variables: Value,
    ) -> Result<Value, GraphqlError> {
        run(&self.engine, session, query, variables).await
    }

    /// Runs something as the administrator, which must go well.
    pub(crate) async fn admin(&self, query: &str) -> Value {
        self.run(&Session::admin(), query, json!({})).await.unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// Lets people do as much as they like.
    pub(super) async fn lift_limits(&self) {
        let lift = "mutation { update_rule_limits(where: {per: {_is_null: false}}, _set: {value: 1000000000}) { affected_rows } }";
        self.admin(lift).await;
    }
}

pub(super) async fn start_engine(pool: &Pool) -> (Engine, changes::Feed) {
    let metadata = metadata();
    let starting = Engine::start(pool.clone(), &metadata, EngineOptions::default());
    let (engine, feed) = Box::pin(starting).await.unwrap();
    assert_eq!(engine.inconsistencies(), Vec::<String>::new());
    (engine, feed)
}

pub(super) async fn run(
    engine: &Engine,
    session: &Session,
    query: &str,
    variables: Value,
) -> Result<Value, GraphqlError> {
    let data = engine.execute(session, &GraphqlRequest::new(query, variables)).await?;
    Ok(serde_json::from_slice(&data).unwrap())
}
