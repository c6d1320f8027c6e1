//! Logs: to a file that rolls daily, never to the terminal (it would ruin a screen). Old files are deleted.

use std::path::Path;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{InitError, RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// Daily log files kept.
const MAX_LOG_FILES: usize = 7;

/// Lines that may wait for the disk; more are dropped. The queue's memory is taken at once: the usual 128,000 lines are 4 MB.
const MAX_WAITING_LINES: usize = 8_192;

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log file cannot be made.
    #[error("cannot write logs in {folder}: choose another folder with `log.dir`")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        #[source]
        source: InitError,
    },
    /// The folder cannot be made.
    #[error("cannot make {folder} for logs: choose another folder with `log.dir`")]
    Make {
        /// The folder.
        folder: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The filter is not one.
    #[error("`log.level` {filter:?} is not a filter: give error, warn, info, debug, trace or target=level")]
    Filter {
        /// What was given.
        filter: String,
        /// Why.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logging was started twice.
    #[error("logging is already running")]
    Running(#[source] TryInitError),
}

/// Logs to `<folder>/<name>.<date>.log`; keep the guard, it flushes when dropped.
pub fn to_file(folder: &Path, name: &str, filter: &str) -> Result<WorkerGuard, TelemetryError> {
    to_file_and(folder, name, filter, std::io::sink)
}

/// Refuses what is no filter, before anything is opened.
pub fn check_filter(filter: &str) -> Result<(), TelemetryError> {
    filter_of(filter).map(drop)
}

fn filter_of(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(filter).map_err(|source| TelemetryError::Filter {
        filter: filter.to_owned(),
        source,
    })
}

/// The same, and each line also to `second`: the ring a console shows with `:log`.
pub fn to_file_and<W>(folder: &Path, name: &str, filter: &str, second: W) -> Result<WorkerGuard, TelemetryError>
where
    W: for<'a> tracing_subscriber::fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = filter_of(filter)?;
    // The appender complains on stderr about a folder that is not there; that would ruin a screen.
    std::fs::create_dir_all(folder).map_err(|source| TelemetryError::Make {
        folder: folder.display().to_string(),
        source,
    })?;
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(name)
        .filename_suffix("log")
        .max_log_files(MAX_LOG_FILES)
        .build(folder)
        .map_err(|source| TelemetryError::Folder {
            folder: folder.display().to_string(),
            source,
        })?;
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(MAX_WAITING_LINES)
        .finish(file);
    tracing_subscriber::registry()
        .with(filter)
        .with(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer))
        .with(
            tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .with_target(false)
                .with_writer(second),
        )
        .try_init()
        .map_err(TelemetryError::Running)?;
    Ok(guard)
}
