//! Serving: every part started in order, watched, and stopped in the opposite order.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use app::auth::{Auth, SessionRows};
use app::endings::Endings;
use app::files::Files;
use base::authenticate::{Authenticator, PUBLIC_ROLE};
use base::clock::Clock;
use base::project::Project;
use changes::Feed;
use clients::mail::Mailer;
use clients::s3::Bucket;
use db::local::{LocalOptions, LocalPostgres};
use db::{Address, Pool, PoolOptions};
use graphql::Engine;
use graphql::http::Endpoint;
use graphql::metadata_api::Mode;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, S3Config};
use crate::keys::{self, Keys};
use crate::listener::Listener;
use crate::routes::AdminRoutes;
use crate::{files, metrics, project_files, routes};

/// Serves until a signal comes or a part fails for good.
pub(crate) async fn serve(config: Config) -> anyhow::Result<()> {
    prepare_process(&config.server.log)?;
    let meters = metrics::install()?;
    let data_dir = &config.server.data_dir;
    std::fs::create_dir_all(data_dir)
        .with_context(|| format!("BRAIN_DATA_DIR: cannot make the folder {}", data_dir.display()))?;
    let keys = Keys::read(&config)?;
    // Taken before anything is started: what cannot listen need not begin.
    let listener = Listener::bind(config.server.listen).await?;
    let stop = CancellationToken::new();
    let serving_metrics =
        tokio::spawn(metrics::serve(config.server.metrics_listen, meters, stop.clone()).await?);
    let mut signals = Signals::new()?;

    let database = tokio::select! {
        database = Database::open(&config) => database?,
        () = signals.any() => return Ok(()),
    };
    let result = Box::pin(serve_with(
        &config,
        keys,
        &database.address,
        listener,
        &stop,
        &mut signals,
        database.failed(),
    ))
    .await;
    stop.cancel();
    let _ = serving_metrics.await;
    let stopped = database.close().await;
    result.and(stopped)
}

/// Serves over a database that is there.
async fn serve_with(
    config: &Config,
    keys: Keys,
    address: &Address,
    listener: Listener,
    stop: &CancellationToken,
    signals: &mut Signals,
    database_failed: impl Future<Output = db::Error>,
) -> anyhow::Result<()> {
    let project_migrations = project_files::migrations()?;
    let accounts = app::auth::migrations();
    db::migrate::apply(address, &[&db::platform::migrations(), &accounts, &project_migrations]).await?;
    let pool = Pool::open(address.clone(), pool_options(config)).await?;
    let mut parts = Box::pin(Parts::start(config, keys, &pool, stop.clone())).await?;
    let router = routes::router(
        pool.clone(),
        parts.engine.clone(),
        parts.endpoint.clone(),
        parts.auth.clone(),
        parts.files.clone(),
        &admin_routes(config),
    );
    announce(&listener)?;
    let serving = tokio::spawn(listener.serve(router, stop.clone()));
    let result = tokio::select! {
        () = signals.any() => Ok(()),
        error = database_failed => Err(anyhow::Error::from(error)),
        () = parts.feed.died() => Err(anyhow::anyhow!("the change feed died")),
        _ = &mut parts.letters => Err(anyhow::anyhow!("the sender of letters died")),
        _ = &mut parts.housekeeping => Err(anyhow::anyhow!("who tidies files up died")),
        _ = &mut parts.endings => Err(anyhow::anyhow!("who ends what ends by time died")),
        Some(_) = parts.key_watch.join_next() => Err(anyhow::anyhow!("the watch over the keys died")),
        _ = &mut parts.hangups => Err(anyhow::anyhow!("the watch for SIGHUP died")),
    };
    tracing::info!("stopping");
    stop.cancel();
    let drained = serving.await.context("the listener died");
    parts.files.finish().await;
    result.and(drained)
}

/// The parts that answer requests.
struct Parts {
    feed: Feed,
    letters: JoinHandle<()>,
    /// Who ends what ends by time.
    endings: JoinHandle<()>,
    /// Who removes files that are nobody's.
    housekeeping: JoinHandle<()>,
    /// Who reads credentials anew when the operator asks for it.
    hangups: JoinHandle<()>,
    /// Who keeps the keys of access tokens current.
    key_watch: JoinSet<()>,
    engine: Engine,
    endpoint: Endpoint,
    auth: Auth,
    files: Files,
}

impl Parts {
    async fn start(
        config: &Config,
        keys: Keys,
        pool: &Pool,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let data_dir = &config.server.data_dir;
        let Keys { clock, admin_secret, jwt, jwt_file, codes } = keys;
        let mut key_watch = clients::jwks::keep(&jwt, &stop).await?;
        if let Some(read) = jwt_file {
            key_watch.spawn(keys::watch(jwt.clone(), read, stop.clone()));
        }
        let authenticator =
            Authenticator::new(Some(admin_secret), Some(jwt.clone()), Some(PUBLIC_ROLE.to_owned()));

        let metadata = project_files::metadata()?;
        let (engine, feed) = Engine::start(pool.clone(), &metadata, config.graphql.engine()).await?;
        let project: Arc<dyn Project> = Arc::new(engine.clone());
        let mut options = config.auth_options(codes.clone())?;
        options.relying_party =
            config.relying_party().map_err(|exit| anyhow::anyhow!("{}", exit.message()))?;
        options.providers = config.providers.providers(&clock).context("a sign-in service")?;
        let auth = Auth::start(pool.clone(), jwt, Some(Arc::clone(&project)), options).await?;
        let mailer = config.mail.mailer(data_dir, &clock).await.context("letters cannot be sent")?;
        let bucket = config.s3.bucket()?;
        let hangups = reload_at_hangup(config, mailer.clone(), bucket.clone(), stop.clone())?;
        let letters = start_letters(config, mailer, &auth, &clock, &stop);
        let endings = start_endings(&project, &stop);
        let revocations = SessionRows::new(Arc::clone(&project));
        let files =
            files::start(config, project, authenticator.clone(), &clock, &codes, bucket.clone()).await?;
        let housekeeping = start_housekeeping(&files, &stop);
        tell_what_is_off(config);
        let endpoint = Endpoint::new(engine.clone(), authenticator, clock, stop);
        let endpoint = endpoint.with(config.graphql.endpoint()).with_revocations(Arc::new(revocations));
        Ok(Self { feed, letters, endings, housekeeping, hangups, key_watch, engine, endpoint, auth, files })
    }
}

/// What administrators and developers find. The project's metadata is a part of the program: changing it while it
/// runs must be switched on.
fn admin_routes(config: &Config) -> AdminRoutes {
    let metadata = if config.graphql.metadata_api { Mode::Change } else { Mode::Look };
    AdminRoutes { metadata, graphiql: config.graphql.graphiql(config.server.env) }
}

/// Sends letters beside everything else, until `stop`.
fn start_letters(
    config: &Config,
    mailer: Mailer,
    auth: &Auth,
    clock: &Clock,
    stop: &CancellationToken,
) -> JoinHandle<()> {
    let (auth, clock, stop) = (auth.clone(), clock.clone(), stop.clone());
    let folder = config.mail.letters.clone();
    tokio::spawn(async move { auth.send_letters(mailer, folder, clock, stop).await })
}

/// Removes files that are nobody's beside everything else, until `stop`.
fn start_housekeeping(files: &Files, stop: &CancellationToken) -> JoinHandle<()> {
    let (files, stop) = (files.clone(), stop.clone());
    tokio::spawn(async move { files.keep_house(stop).await })
}

/// Ends what ends by time beside everything else, until `stop`.
fn start_endings(project: &Arc<dyn Project>, stop: &CancellationToken) -> JoinHandle<()> {
    let (endings, stop) = (Endings::new(Arc::clone(project)), stop.clone());
    tokio::spawn(async move { endings.keep(stop).await })
}

/// Reads credentials anew at each SIGHUP, until `stop`.
fn reload_at_hangup(
    config: &Config,
    mailer: Mailer,
    bucket: Option<Bucket>,
    stop: CancellationToken,
) -> anyhow::Result<JoinHandle<()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    let s3 = config.s3.clone();
    let reloading = async move {
        while hangup.recv().await.is_some() {
            mailer.reload().await;
            if let Some(bucket) = &bucket {
                reload_keys(&s3, bucket).await;
            }
            tracing::info!("the credentials of outside services are read anew");
        }
    };
    Ok(tokio::spawn(async move {
        tokio::select! {
            () = reloading => {}
            () = stop.cancelled() => {}
        }
    }))
}

/// Takes the bucket's keys as they are configured now. Where those cannot be used, the old ones stay.
async fn reload_keys(s3: &S3Config, bucket: &Bucket) {
    let keys = match s3.keys_now() {
        Ok(keys) => keys,
        Err(exit) => {
            tracing::error!(
                error.code = "s3-settings",
                "the bucket's keys stay as they were: {}",
                exit.message()
            );
            return;
        }
    };
    match bucket.replace_keys(keys).await {
        Ok(()) => tracing::info!("the bucket's keys are read anew"),
        Err(error) => {
            tracing::error!(error.code = error.code(), %error, "the bucket's keys stay as they were");
        }
    }
}

/// A line for each service that is not configured.
fn tell_what_is_off(config: &Config) {
    let data_dir = &config.server.data_dir;
    if !config.mail.is_on() {
        let outbox = data_dir.join("outbox");
        tracing::warn!(
            "mail: off; no verification of addresses is asked, and letters become files in {}",
            outbox.display()
        );
    }
    if config.mail.gmail.is_on() {
        let second = match (&config.mail.auth_smtp_host, config.mail.gmail.gmail_overflow_to_smtp) {
            (None, _) => "",
            (Some(_), true) => ", and through the mail server when Gmail takes no more today",
            (Some(_), false) => "; the mail server is not used (GMAIL_OVERFLOW_TO_SMTP)",
        };
        tracing::info!("mail: on, through Gmail{second}");
    }
    if let Some(bucket) = &config.s3.aws_s3_bucket {
        tracing::info!("files: kept in the bucket {bucket}");
    } else {
        tracing::info!("files: kept in {}", data_dir.join("files").display());
    }
    tracing::info!("push: off; subscriptions: off");
}

/// Says where clients find the server, in the one line of its output.
pub(crate) fn announce(listener: &Listener) -> anyhow::Result<()> {
    let address = listener.address();
    writeln!(std::io::stdout(), "BrainMessenger is ready at http://{address}")?;
    Ok(std::io::stdout().flush()?)
}

fn pool_options(config: &Config) -> PoolOptions {
    PoolOptions {
        lanes: usize::from(config.postgres.pg_connections),
        statement_timeout: Duration::from_secs(config.postgres.pg_statement_timeout.into()),
        ..PoolOptions::default()
    }
}

/// The database: somebody else's, or the private one.
pub(crate) struct Database {
    address: Address,
    local: Option<LocalPostgres>,
}

impl Database {
    /// Opens it, or starts it.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        if let Some(url) = &config.postgres.database_url {
            return Ok(Self { address: Address::from_url(url)?, local: None });
        }
        let mut options = LocalOptions::new(config.server.data_dir.clone());
        options.pg_bin.clone_from(&config.postgres.pg_bin);
        options.path.clone_from(&config.path);
        let local = LocalPostgres::start(options).await?;
        Ok(Self { address: local.address().clone(), local: Some(local) })
    }

    /// Where it is.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    fn failed(&self) -> impl Future<Output = db::Error> + use<> {
        let failed = self.local.as_ref().map(LocalPostgres::failed);
        async move {
            match failed {
                Some(failed) => failed.await,
                None => std::future::pending().await,
            }
        }
    }

    /// Stops it, if it was started here.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        match self.local {
            Some(local) => Ok(local.stop().await?),
            None => Ok(()),
        }
    }
}

/// The signals that stop the server.
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Listens for them from now on.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub(crate) async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// What a process needs once, before anything else: a log, and one TLS provider for everything that encrypts.
pub(crate) fn prepare_process(filter: &str) -> anyhow::Result<()> {
    // It fails where one is installed already, which is the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let filter = tracing_subscriber::EnvFilter::try_new(filter).context("BRAIN_LOG")?;
    // Below this level Amazon's client writes down whole requests and answers: signatures, and what the store says.
    let filter = filter.add_directive("aws=info".parse().context("the log's filter")?);
    // Colours are for people: a file or a collector gets plain text.
    let colours = std::io::stderr().is_terminal();
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    log.with_ansi(colours).try_init().map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}
