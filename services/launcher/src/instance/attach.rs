//! Finding a running instance, or starting one in the background.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use color_eyre::eyre::{Report, WrapErr as _};
use sla_proto::peer::Bearer;
use sla_proto::server::v1::{GetServerInfoRequest, GetServerInfoResponse};
use sla_proto::{API_LEVEL, Peer};
use sla_source::shown_address;

use super::paths::answers;
use super::{Paths, folder, heap};
use crate::exit::{Exit, Failure};

/// How long a started instance may take to answer; it may wait itself for one that is ending.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Pause between two looks at its socket.
const START_POLL: Duration = Duration::from_millis(15);
/// Looks at a process whose socket closed again, for its last words: a second of them.
const LAST_WORDS_LOOKS: u32 = 66;
/// Longest part of a failed start's last words that is repeated.
const LAST_WORDS_BYTES: usize = 4096;

/// What the caller expects of the instance.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Address of the source it should read; empty = any.
    pub(crate) source_url: String,
    /// Arguments for a `sla serve` that is started when none runs.
    pub(crate) serve: Vec<String>,
    /// A variable of the environment for it.
    pub(crate) environment: Option<(&'static str, String)>,
    /// What calls are made with, where the instance has users.
    pub(crate) bearer: Bearer,
}

/// Starts an instance when none runs, and waits until its socket answers.
pub(crate) async fn ensure(paths: &Paths, wanted: &Wanted) -> Result<(), Report> {
    running(paths, wanted).await.map(|_| ())
}

async fn running(paths: &Paths, wanted: &Wanted) -> Result<(PathBuf, Option<Started>), Report> {
    if let Some(socket) = paths.running() {
        return Ok((socket, None));
    }
    let mut started = start(paths, wanted)?;
    wait_for(&paths.socket, &mut started).await?;
    Ok((paths.socket.clone(), Some(started)))
}

/// Attaches to the running instance or starts one, and waits until it answers.
pub(crate) async fn attach(paths: &Paths, wanted: &Wanted) -> Result<Peer, Report> {
    let (socket, started) = running(paths, wanted).await?;
    match greet(&socket, wanted.bearer.clone()).await {
        Ok((peer, info)) => {
            check(&info, wanted)?;
            Ok(peer)
        }
        Err(report) => Err(match started {
            // Its socket stood open before it found out that it cannot work.
            Some(started) => started.ended().await.unwrap_or(report),
            None => report,
        }),
    }
}

/// Connects to the instance, started when none runs, and asks it for nothing.
pub(crate) async fn connect(paths: &Paths, wanted: &Wanted) -> Result<Peer, Report> {
    let (socket, _) = running(paths, wanted).await?;
    Ok(Peer::connect_unix(&socket).await?.bearing(wanted.bearer.clone()))
}

async fn greet(socket: &Path, bearer: Bearer) -> Result<(Peer, GetServerInfoResponse), Report> {
    let peer = Peer::connect_unix(socket).await?.bearing(bearer);
    let info = peer.server().get_server_info(GetServerInfoRequest {}).await?;
    Ok((peer, info.into_inner()))
}

fn check(info: &GetServerInfoResponse, wanted: &Wanted) -> Result<(), Report> {
    if info.api_level != API_LEVEL {
        let words = format!(
            "instance {:?} runs version {} (API level {}), this is {} (API level {API_LEVEL}); stop it with `sla stop`, \
             or start another one with `--instance NAME`",
            info.instance,
            info.version,
            info.api_level,
            env!("CARGO_PKG_VERSION"),
        );
        return Err(Failure::new(Exit::UNAVAILABLE, words).into());
    }
    let running = info.source.as_ref().map_or("", |source| source.address.as_str());
    let asked = shown_address(&wanted.source_url);
    if !wanted.source_url.is_empty() && asked != running.trim_end_matches('/') {
        let words = format!(
            "instance {:?} reads {running}, not {asked}; look at it without a source, stop it with `sla stop`, or run \
             another one beside it with `--instance NAME`",
            info.instance,
        );
        return Err(Failure::new(Exit::USAGE, words).into());
    }
    Ok(())
}

/// A started process and the file that holds its last words.
struct Started {
    child: Child,
    words: PathBuf,
}

impl Started {
    /// What it said when it ended, if it ends soon.
    async fn ended(mut self) -> Option<Report> {
        for _ in 0..LAST_WORDS_LOOKS {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(self.report(status));
            }
            tokio::time::sleep(START_POLL).await;
        }
        None
    }

    fn report(&self, status: ExitStatus) -> Report {
        let words = last_words(&self.words);
        Failure::new(
            Exit::UNAVAILABLE,
            format!("the instance ended at its start ({status}): {words}"),
        )
        .into()
    }
}

/// Starts `sla serve` as a process of its own that outlives this one.
fn start(paths: &Paths, wanted: &Wanted) -> Result<Started, Report> {
    let program = std::env::current_exe().wrap_err("cannot find the program to start in the background")?;
    folder::make(&paths.log).wrap_err_with(|| format!("cannot make {}", paths.log.display()))?;
    let words = paths.log.join("start.log");
    let output = folder::open_private(&words)
        .and_then(|file| file.set_len(0).map(|()| file))
        .wrap_err_with(|| format!("cannot write {}", words.display()))?;
    let child = Command::new(program)
        .args(&wanted.serve)
        .envs(heap::FRUGAL)
        .envs(wanted.environment.clone())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .current_dir("/")
        .spawn()
        .wrap_err("cannot start an instance in the background")?;
    Ok(Started { child, words })
}

async fn wait_for(socket: &Path, started: &mut Started) -> Result<(), Report> {
    let begun = Instant::now();
    loop {
        if answers(socket) {
            return Ok(());
        }
        if let Ok(Some(status)) = started.child.try_wait() {
            // Someone else may have been faster: theirs answers then.
            if answers(socket) {
                return Ok(());
            }
            return Err(started.report(status));
        }
        if begun.elapsed() > START_LIMIT {
            let limit = START_LIMIT.as_secs();
            return Err(Failure::new(
                Exit::UNAVAILABLE,
                format!("the instance did not answer within {limit} s"),
            )
            .into());
        }
        tokio::time::sleep(START_POLL).await;
    }
}

fn last_words(file: &Path) -> String {
    let text = std::fs::read(file).unwrap_or_default();
    let from = text.len().saturating_sub(LAST_WORDS_BYTES);
    String::from_utf8_lossy(&text[from..]).trim().to_owned()
}
