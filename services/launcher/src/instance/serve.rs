//! `sla serve`: a process with roles, its doors, its clock, and its orderly end.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use color_eyre::eyre::{Report, WrapErr as _};
use sla_domain::{Clock, ManualClock, SystemClock};
use sla_proto::Peer;
use sla_proto::etl::v1::GetSourceRequest;
use sla_proto::series::v1::SourceStatus;
use sla_runtime::metrics::door::MetricsDoor;
use sla_runtime::metrics::{Metrics, single};
use sla_runtime::server::{Connections, Cover, TcpDoor, UnixDoor};
use sla_runtime::shutdown::{DRAIN_LIMIT, Shutdown};
use sla_runtime::telemetry::{self, TelemetryError};

use super::paths::Paths;
use super::plan::Serve;
use super::roles::{self, Roles, Wiring};
use super::{agreements, cover, folder, lock, options, peers};
use crate::config::{Config, ConfigError};
use crate::exit::{Exit, Failure};
use crate::output;

/// How long a fresh instance waits for its first console before `idle_exit` begins to count.
const FIRST_CONSOLE: Duration = Duration::from_secs(30);
/// How often the number of consoles is looked at.
const IDLE_POLL: Duration = Duration::from_millis(250);
/// How long a process that was started for one command stays behind it where no source could be reached.
const FRUITLESS_IDLE: Duration = Duration::from_secs(3);
/// Who is connected for so long wants it to stay, whatever it was started for.
const STAYS: Duration = Duration::from_mins(1);
/// Signals so close together are one.
const SAME_WISH: Duration = Duration::from_millis(500);
/// How long closing the database may take: its write-ahead log is folded into the file.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// What a start would refuse before it binds anything: what a role cannot work with, certificates, the secret and the addresses
/// of peers.
pub(crate) fn check(config: &Config, paths: &Paths, run: &Serve) -> Result<Cover, Report> {
    options::check(config, paths, run)?;
    let secret = peers::secret(&config.peers)?;
    peers::elsewhere(&config.peers, run, secret.as_deref(), &peers::trust(&config.tls)?)?;
    cover::cover(&config.tls, run.insecure)
}

/// Runs until it is asked to end.
#[expect(clippy::too_many_lines, reason = "the life of a process, told in its order")]
pub async fn serve(config: Config, paths: Paths, run: Serve) -> Result<(), Report> {
    let cover = check(&config, &paths, &run)?;
    prepare(&paths)?;
    let _log = match telemetry::to_file(&paths.log, "sla", &config.log.level) {
        Ok(log) => Some(log),
        // Without a log, yet not without a watch.
        Err(error @ (TelemetryError::Folder { .. } | TelemetryError::Make { .. })) => {
            output::remark(&format!("no log is kept: {}", sla_runtime::status::chain(&error)));
            None
        }
        Err(error) => return Err(error.into()),
    };
    let _only_one = lock::take(&paths.data, &paths.socket).await?;
    let shutdown = Shutdown::new();
    end_on_signals(&paths.socket, &shutdown)?;
    let clock: Arc<dyn Clock> = match run.demo.as_ref().and_then(|demo| demo.frozen_ms) {
        Some(at_ms) => Arc::new(ManualClock::at(at_ms)),
        None => Arc::new(SystemClock),
    };
    let door = UnixDoor::bind(&paths.socket, paths.audience()).await?;
    let port = match run.listen {
        Some(address) => {
            let door = TcpDoor::bind(address, cover).await?;
            let is_for_roles = config.peers.secret_file.is_some() && !run.has("gateway");
            Some(if is_for_roles { door.for_roles() } else { door })
        }
        None => None,
    };
    let metrics_door = match config.metrics.address()? {
        Some(address) => Some(MetricsDoor::bind(address, config.metrics.open).await?),
        None => None,
    };
    let wiring = Wiring {
        config: &config,
        paths: &paths,
        run: &run,
        clock,
        shutdown: &shutdown,
    };
    let Roles {
        routes,
        guard,
        local,
        late,
        running,
        metrics,
    } = roles::start(wiring).await?;
    if run.demo.is_some() {
        shutdown.spawn("demo agreements", agreements::make(local.clone(), shutdown.clone()));
    }
    let connections = if run.has("gateway") {
        Connections::of_gateway(allow_files())
    } else {
        Connections::default()
    };
    if let Some(door) = metrics_door {
        tracing::info!(address = %door.address, "metrics at /metrics");
        shutdown.spawn("metrics", door.serve(metrics.clone(), shutdown.clone()));
    }
    tell_connections(&metrics, &connections);
    if let Some(idle) = run.idle_exit {
        let errand = run.errand.then(|| local.clone());
        let idle = end_when_idle(idle, errand, connections.clone(), shutdown.clone());
        shutdown.spawn("idle exit", idle);
    }
    if let Some(port) = port {
        tracing::info!(address = %port.address, "listening");
        let served = port.serve(routes.clone(), guard.clone(), connections.clone(), shutdown.clone());
        shutdown.spawn("port", async move {
            if let Err(error) = served.await {
                tracing::error!(error = sla_runtime::status::chain(&error), "the port was closed");
            }
        });
    }
    tracing::info!(socket = %paths.socket.display(), demo = run.demo.is_some(), "serving");
    let served = door.serve(routes, guard, connections, shutdown.clone());
    let mut served = std::pin::pin!(served);
    let early = tokio::select! {
        outcome = &mut served => Some(outcome),
        () = shutdown.token().cancelled() => None,
    };
    // An open stream may hold the server back; the drain has its limit all the same.
    let (_, outcome) = tokio::join!(shutdown.drain(DRAIN_LIMIT), async {
        match early {
            Some(outcome) => outcome,
            None => tokio::time::timeout(DRAIN_LIMIT, served).await.unwrap_or_else(|_| {
                tracing::warn!("some connections did not end in time");
                Ok(())
            }),
        }
    });
    let outcome = outcome.wrap_err("the server ended");
    drop(late);
    // Last: nobody writes any more, and the next start finds a file that was closed.
    if tokio::time::timeout(CLOSE_LIMIT, running.close()).await.is_err() {
        tracing::warn!("the roles could not be closed in time; the next start checks it");
    }
    let _ = std::fs::remove_file(&paths.socket);
    if let Some(demo) = &run.demo {
        let _ = std::fs::remove_dir_all(&demo.folder);
    }
    tracing::info!("ended");
    if let Some(why) = shutdown.failure() {
        return Err(Failure::new(Exit::UNAVAILABLE, why).into());
    }
    outcome
}

/// Tells how many connections the doors hold open.
pub(crate) fn tell_connections(metrics: &Metrics, connections: &Connections) {
    let open = connections.clone();
    metrics.gauge("sla_connections_open", "Connections of consoles and roles", move || {
        single(open.open() as f64)
    });
}

/// Makes the folders of the instance, and closes what lies in them to others.
fn prepare(paths: &Paths) -> Result<(), Report> {
    folder::close_umask();
    let socket = paths.socket.parent();
    for folder in [Some(paths.data.as_path()), Some(&paths.log), socket]
        .into_iter()
        .flatten()
    {
        folder::make(folder).wrap_err_with(|| format!("cannot make {}", folder.display()))?;
    }
    for folder in paths.own_folders() {
        if folder::is_foreign(folder) {
            let folder = folder.to_owned();
            return Err(ConfigError::Foreign { folder }.into());
        }
        folder::mend(folder).wrap_err_with(|| format!("cannot close {} to others", folder.display()))?;
    }
    Ok(())
}

/// Takes all the open files that this process may have; how many that is.
fn allow_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    allowed.unwrap_or(u64::MAX)
}

/// The first signal ends the instance in order, a second one at once. Some send one twice, to the process and to its group:
/// that is one wish.
fn end_on_signals(socket: &Path, shutdown: &Shutdown) -> Result<(), Report> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).wrap_err("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).wrap_err("cannot listen for SIGINT")?;
    // A detached instance has no terminal; a hang-up is none of its business.
    let mut hangup = signal(SignalKind::hangup()).wrap_err("cannot listen for SIGHUP")?;
    let (socket, end) = (socket.to_owned(), shutdown.clone());
    let watch = async move {
        let mut first: Option<Instant> = None;
        loop {
            let number = tokio::select! {
                _ = term.recv() => SignalKind::terminate().as_raw_value(),
                _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
                _ = hangup.recv() => continue,
            };
            if first.is_some_and(|first| first.elapsed() >= SAME_WISH) {
                tracing::warn!("asked to end at once by a second signal");
                let _ = std::fs::remove_file(&socket);
                std::process::exit(128 + number);
            }
            if first.is_none() {
                tracing::info!("asked to end by a signal");
                first = Some(Instant::now());
                end.begin();
            }
        }
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "it outlives the drain, for those who lose patience with it"
    )]
    tokio::spawn(watch);
    Ok(())
}

/// Ends the instance once nobody has been connected for `idle`; on an `errand` much sooner, where no source could be reached: nobody
/// would look for what is left of a mistyped address.
async fn end_when_idle(idle: Duration, mut errand: Option<Peer>, connections: Connections, shutdown: Shutdown) {
    let started = tokio::time::Instant::now();
    // Since when somebody is connected, or nobody.
    let (mut alone, mut since) = (true, started);
    loop {
        tokio::select! {
            () = tokio::time::sleep(IDLE_POLL) => {}
            () = shutdown.token().cancelled() => return,
        }
        let is_alone = connections.open() == 0;
        if alone != is_alone {
            (alone, since) = (is_alone, tokio::time::Instant::now());
        }
        if !alone {
            errand = errand.filter(|_| since.elapsed() < STAYS);
            continue;
        }
        let was_used = connections.ever() > 0;
        if was_used
            && since.elapsed() >= FRUITLESS_IDLE
            && let Some(peer) = errand.take()
            && has_reached_nothing(&peer).await
        {
            tracing::info!("no source could be reached, and the command that it was started for has ended");
            shutdown.begin();
            return;
        }
        let limit = if was_used { idle } else { idle.max(FIRST_CONSOLE) };
        if since.elapsed() >= limit {
            tracing::info!("no console is left");
            shutdown.begin();
            return;
        }
    }
}

/// Whether there are sources and none of them ever answered.
async fn has_reached_nothing(peer: &Peer) -> bool {
    let told = peer.source().get_source(GetSourceRequest::default()).await;
    let sources = told.map(|told| told.into_inner().sources).unwrap_or_default();
    let is_away = |source: &SourceStatus| source.last_success.is_none() && !source.problem.is_empty();
    !sources.is_empty() && sources.iter().all(is_away)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;

    #[test]
    fn a_data_folder_of_another_user_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let mut paths = Paths::inside(place.path());
        prepare(&paths).unwrap();
        // Only root gives a folder away; to others that of all is foreign.
        if folder::our_uid() == 0 {
            chown(&paths.data, Some(65_534), None).unwrap();
            std::fs::set_permissions(&paths.data, Permissions::from_mode(0o777)).unwrap();
        } else {
            paths.data = "/tmp".into();
        }
        let refused = prepare(&paths).unwrap_err();
        assert_eq!(Exit::of_report(&refused), Exit::CONFIG, "{refused:#}");
        assert!(refused.to_string().contains("belongs to another user"), "{refused:#}");
    }
}
