//! `sla serve`: a process with roles, its doors, its clock, and its orderly end.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use color_eyre::eyre::{Report, WrapErr as _, eyre};
use sla_domain::{Clock, ManualClock, SystemClock};
use sla_proto::Peer;
use sla_runtime::layer::GuardLayer;
use sla_runtime::server::{Connections, UnixDoor};
use sla_runtime::shutdown::{DRAIN_LIMIT, Shutdown};
use sla_runtime::telemetry;

use super::roles::{self, Roles, Wiring};
use super::{Paths, agreements};
use crate::config::Config;

/// How long a fresh instance waits for its first console before `idle_exit` begins to count.
const FIRST_CONSOLE: Duration = Duration::from_secs(30);
/// How often the number of consoles is looked at.
const IDLE_POLL: Duration = Duration::from_millis(250);
/// How long closing the database may take: its write-ahead log is folded into the file.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);
/// Mode of the socket: the owner, and the group where the folder belongs to one.
const SOCKET_MODE: u32 = 0o660;

/// How an instance is run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Serve {
    /// Ends itself after this long without a console; `None` = stays.
    pub(crate) idle_exit: Option<Duration>,
    /// The labelled demo instead of a Prometheus.
    pub(crate) demo: Option<Demo>,
}

/// The labelled demo.
#[derive(Debug, Clone)]
pub(crate) struct Demo {
    /// Its own folder, removed at the end.
    pub(crate) folder: PathBuf,
    /// The clock stands still.
    pub(crate) frozen: bool,
    /// Distance of live samples, milliseconds.
    pub(crate) step_ms: i64,
}

/// Runs until it is asked to end.
pub(crate) async fn serve(config: Config, paths: Paths, run: Serve) -> Result<(), Report> {
    let _log = telemetry::to_file(&make(&paths.log)?, "sla", &config.log.level)?;
    let _only_one = lock(&paths)?;
    let shutdown = Shutdown::new();
    end_on_signals(&shutdown)?;
    let clock: Arc<dyn Clock> = match &run.demo {
        Some(demo) if demo.frozen => Arc::new(ManualClock::at(SystemClock.now_ms())),
        _ => Arc::new(SystemClock),
    };
    let door = UnixDoor::bind(&paths.socket, SOCKET_MODE).await?;
    let wiring = Wiring {
        config: &config,
        paths: &paths,
        run: &run,
        clock,
        shutdown: &shutdown,
    };
    let Roles { routes, late, running } = roles::start(wiring).await?;
    let guard = GuardLayer::default();
    let local = sla_runtime::server::local(routes.clone(), &guard);
    late.fill(local.clone());
    if run.demo.is_some() {
        shutdown.spawn(
            "demo agreements",
            agreements::make(Peer::local(local), shutdown.clone()),
        );
    }
    let connections = Connections::default();
    if let Some(idle) = run.idle_exit {
        shutdown.spawn("idle exit", end_when_idle(idle, connections.clone(), shutdown.clone()));
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
    outcome
}

fn make(folder: &std::path::Path) -> Result<PathBuf, Report> {
    std::fs::create_dir_all(folder).wrap_err_with(|| format!("cannot make {}", folder.display()))?;
    Ok(folder.to_owned())
}

/// Two starts at the same moment: one wins, the other says so and ends; its console attaches to the winner.
fn lock(paths: &Paths) -> Result<File, Report> {
    let folder = paths.socket.parent().unwrap_or(&paths.data);
    let path = make(folder)?.join(format!(
        "{}.lock",
        paths
            .socket
            .file_stem()
            .map_or_else(|| "sla".into(), std::ffi::OsStr::to_string_lossy)
    ));
    let file = File::create(&path).wrap_err_with(|| format!("cannot write {}", path.display()))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        eyre!(
            "an instance is already starting or running on {}",
            paths.socket.display()
        )
    })?;
    Ok(file)
}

fn end_on_signals(shutdown: &Shutdown) -> Result<(), Report> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).wrap_err("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).wrap_err("cannot listen for SIGINT")?;
    // A detached instance has no terminal; a hang-up is none of its business.
    let mut hangup = signal(SignalKind::hangup()).wrap_err("cannot listen for SIGHUP")?;
    let end = shutdown.clone();
    shutdown.spawn("signals", async move {
        loop {
            tokio::select! {
                _ = term.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => {}
                () = end.token().cancelled() => return,
            }
        }
        tracing::info!("asked to end by a signal");
        end.begin();
    });
    Ok(())
}

/// Ends the instance once nobody has been connected for `idle`.
async fn end_when_idle(idle: Duration, connections: Connections, shutdown: Shutdown) {
    let started = tokio::time::Instant::now();
    let mut alone_since = Some(started);
    loop {
        tokio::select! {
            () = tokio::time::sleep(IDLE_POLL) => {}
            () = shutdown.token().cancelled() => return,
        }
        if connections.open() > 0 {
            alone_since = None;
            continue;
        }
        let since = *alone_since.get_or_insert_with(tokio::time::Instant::now);
        let limit = if connections.ever() == 0 {
            idle.max(FIRST_CONSOLE)
        } else {
            idle
        };
        if since.elapsed() >= limit {
            tracing::info!("no console is left");
            shutdown.begin();
            return;
        }
    }
}
