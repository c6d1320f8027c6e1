//! The command line. Help, completions and the man page are made from these definitions.

mod bounds;
mod method;
mod moment;
mod notify;
mod number;
mod people;
mod storage;
mod weather;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::command::csv_file::CsvColumns;
use crate::config::{Flags, Span};
use crate::instance::ROLES;

pub(crate) use bounds::LiveArgs;
pub(crate) use method::Method;
pub(crate) use moment::At;
pub(crate) use notify::{AddArgs, LinkArgs, NotifyAction, NotifyArgs, RouteArgs};
pub(crate) use people::{
    AuditArgs, LoginArgs, RegisterArgs, Secret, SessionAction, SessionArgs, TokenAction, TokenArgs, UserAction,
    UserArgs,
};
pub(crate) use storage::{CopiesAction, StorageAction, StorageArgs, StreamPlace};
pub(crate) use weather::{ChangeArgs, LimitArgs, WeatherAction, WeatherArgs};

/// The version and what was built in; `--version` prints it.
const LONG_VERSION: &str = match (cfg!(feature = "kafka"), cfg!(feature = "mysql")) {
    (true, true) => concat!(env!("CARGO_PKG_VERSION"), "\nfeatures: kafka, mysql"),
    (true, false) => concat!(env!("CARGO_PKG_VERSION"), "\nfeatures: kafka"),
    (false, true) => concat!(env!("CARGO_PKG_VERSION"), "\nfeatures: mysql"),
    (false, false) => concat!(env!("CARGO_PKG_VERSION"), "\nfeatures: none"),
};

/// Service-level agreements in the terminal: were they kept, are they kept, will they be kept.
#[derive(Debug, Parser)]
#[command(name = "sla", version, long_version = LONG_VERSION, disable_help_subcommand = true)]
#[command(
    after_help = "Without a command the console opens. Exit codes: 0 ok, 1 at risk, 2 violated, 3 no data,\n\
                        64 usage, 65 bad input, 69 service or source away, 70 internal error, 77 not allowed,\n\
                        78 bad configuration."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Flags every command knows.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Read this Prometheus-compatible server.
    #[arg(long, global = true, value_name = "URL", help_heading = "Instance")]
    pub(crate) prometheus: Option<String>,
    /// Name of the local instance; several can run side by side.
    #[arg(long, global = true, value_name = "NAME", help_heading = "Instance")]
    pub(crate) instance: Option<String>,
    /// Folder of all instances' data.
    #[arg(long, global = true, value_name = "DIR", help_heading = "Instance")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Talk to a gateway or a remote instance instead of a local one.
    #[arg(long, global = true, value_name = "URL", help_heading = "Instance")]
    pub(crate) connect: Option<String>,
    /// Certificate authority of --connect (PEM); default tls.ca_file, else whom the system trusts.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        requires = "connect",
        help_heading = "Instance"
    )]
    pub(crate) ca: Option<PathBuf>,
    /// Certificate to show to --connect (PEM).
    #[arg(long, global = true, value_name = "FILE", requires_all = ["connect", "key"], help_heading = "Instance")]
    pub(crate) cert: Option<PathBuf>,
    /// The key of --cert (PEM).
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        requires = "cert",
        help_heading = "Instance"
    )]
    pub(crate) key: Option<PathBuf>,
    /// Let --connect, or the port and the peers of `serve`, work with other hosts unencrypted: everybody on the way can read and
    /// change what passes.
    #[arg(long, global = true, help_heading = "Instance")]
    pub(crate) insecure: bool,
    /// Configuration file.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Instance")]
    pub(crate) config: Option<PathBuf>,
    /// File with the token to call with; default the one that `sla login` has written.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "SLA_TOKEN_FILE",
        help_heading = "Instance"
    )]
    pub(crate) token_file: Option<PathBuf>,
    /// Let this console change nothing: no saving, no runs.
    #[arg(long, global = true, help_heading = "Instance")]
    pub(crate) read_only: bool,
    /// The console without a screen, line by line: for screen readers and terminals that cannot be addressed.
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) plain: bool,
    /// Record what the console shows into a new file (asciicast 2), for bug reports and demonstrations.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Output")]
    pub(crate) record: Option<PathBuf>,
    /// Answer in JSON (docs/reference/json.md).
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
}

impl Global {
    /// The part that is configuration.
    pub(crate) fn flags(&self) -> Flags {
        Flags {
            file: self.config.clone(),
            url: self.prometheus.clone(),
            instance: self.instance.clone(),
            data_dir: self.data_dir.clone(),
        }
    }
}

// What a command takes is built when it is the one that is called: a start touches less of the binary.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Open the console on a generated, labelled estate: nothing to install, nothing left behind.
    Demo(DemoArgs),
    /// Run an instance in the foreground; it stays until it is stopped.
    Serve(ServeArgs),
    /// Stop the local instance.
    Stop,
    /// Say whether the local instance serves, and the processes it calls; starts nothing.
    Health {
        /// The exit code counts the other processes too.
        #[arg(long)]
        all: bool,
    },
    /// Start an ETL run: statistics, metadata and forecasts.
    Run(RunArgs),
    /// Say the state of a set now, with an exit code for monitoring systems.
    Check(CheckArgs),
    /// Statistics, metadata and forecast of series; without a selector those of the sets in use.
    Metrics(MetricsArgs),
    /// When runs start by themselves; with an option, changes it for good.
    Schedule(ScheduleArgs),
    /// The database: is it sound, copies of it, and streams that cannot be read on.
    Storage(StorageArgs),
    /// List, show, export, apply and delete SLA sets.
    Sets(SetsArgs),
    /// Violations per objective and window, and the ledger.
    Violations(ViolationsArgs),
    /// What will be violated in the next minutes, and how likely that is; or forecast tasks in bulk.
    Forecast(ForecastArgs),
    /// Past and present ETL runs.
    Runs(RunsArgs),
    /// What else moved around an instant: series ranked by how they changed, each held against its own past.
    Around(AroundArgs),
    /// Judge a range against a selector or a CSV file, without storing anything.
    Evaluate(EvaluateArgs),
    /// Every quantity the engine knows about one series.
    Analyze(AnalyzeArgs),
    /// How good the forecasts would have been: rolling origins, no look-ahead.
    Backtest(BacktestArgs),
    /// The weather of cities, and subscriptions to it.
    Weather(WeatherArgs),
    /// People: the first user that is added makes every call need one.
    User(UserArgs),
    /// Log in with name and password; the token is kept in a file that only you may read.
    Login(LoginArgs),
    /// Make an account of your own, where the instance lets you.
    Register(RegisterArgs),
    /// End the session and forget its token.
    Logout,
    /// Who you are to the instance, and what you may do.
    Whoami,
    /// Open sessions, and ending them.
    Session(SessionArgs),
    /// Tokens for programs.
    Token(TokenArgs),
    /// Who changed what, newest first.
    Audit(AuditArgs),
    /// Messages: where they go, what was sent, and taking care of what they tell.
    Notify(NotifyArgs),
    /// Show what `sla --record FILE` has recorded.
    Replay(ReplayArgs),
    /// The configuration and where each value comes from.
    Config(ConfigArgs),
    /// Print the completions of a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the man page.
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The clock stands still, at TIME or now: nothing changes.
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) frozen: Option<String>,
    /// Distance of live samples.
    #[arg(long, value_name = "DURATION", default_value = "15s")]
    pub(crate) step: Span,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// End after this long without a console.
    #[arg(long, value_name = "DURATION")]
    pub(crate) idle_exit: Option<Span>,
    /// Started for one command: ends behind it where no source could be reached.
    #[arg(long, hide = true)]
    pub(crate) errand: bool,
    /// Run only these roles here: storage, account, etl, sla (the SLA manager), retrieval, notify, weather, gateway; `[peers]` in the
    /// configuration
    /// says where the others are.
    #[arg(long, value_delimiter = ',', value_name = "ROLE", value_parser = role)]
    pub(crate) roles: Vec<String>,
    /// Listen on this port too, for `--connect`, for JSON over HTTP and for roles in other processes; beyond this host with
    /// certificates (`[tls]` in the configuration).
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Leave the terminal: a process of its own, started by a console.
    #[arg(long, hide = true)]
    pub(crate) detached: bool,
    /// Serve the demo from this folder, and remove it at the end.
    #[arg(long, hide = true, value_name = "DIR")]
    pub(crate) demo_dir: Option<PathBuf>,
    /// The demo's clock stands still, at TIME or now.
    #[arg(long, hide = true, requires = "demo_dir", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) frozen: Option<String>,
    /// Distance of the demo's live samples.
    #[arg(long, hide = true, requires = "demo_dir", default_value = "15s")]
    pub(crate) step: Span,
}

/// The word of a role; the SLA manager has two.
fn role(text: &str) -> Result<String, String> {
    let word = if text == "manager" { "sla" } else { text };
    if ROLES.contains(&word) {
        Ok(word.to_owned())
    } else {
        Err(format!("there is no such role: give one of {}", ROLES.join(", ")))
    }
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Selectors or expressions to cover; without any, the sets in use.
    #[arg(value_name = "SELECTOR")]
    pub(crate) queries: Vec<String>,
    /// Steps: statistics, metadata, forecast; default all.
    #[arg(long, value_delimiter = ',', value_name = "STEP")]
    pub(crate) steps: Vec<String>,
    /// Also cover the sets in use.
    #[arg(long)]
    pub(crate) sets: bool,
    /// Wait for the end and show progress.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Only say what it would read.
    #[arg(long)]
    pub(crate) estimate: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Name or id of a set; default all active sets.
    pub(crate) set: Option<String>,
    /// One line with performance data, as Nagios plugins print it.
    #[arg(long)]
    pub(crate) nagios: bool,
    #[command(flatten)]
    pub(crate) at: At,
}

#[derive(Debug, Args)]
pub(crate) struct MetricsArgs {
    /// A PromQL selector or expression.
    pub(crate) selector: Option<String>,
    #[command(flatten)]
    pub(crate) at: At,
    /// Only these steps: statistics, metadata, forecast; default all.
    #[arg(long, value_delimiter = ',', value_name = "STEP")]
    pub(crate) steps: Vec<String>,
    /// Windows of the metadata; above 26 h they are told of 5-min means. Default: the configured ones.
    #[arg(long, value_delimiter = ',', value_name = "DURATION")]
    pub(crate) metadata_windows: Vec<Span>,
    /// What runs have stored, with its age; the source is not asked.
    #[arg(long, conflicts_with_all = ["at", "steps", "metadata_windows"])]
    pub(crate) stored: bool,
    /// How each statistic went over the runs of this long; the source is not asked.
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["at", "steps", "metadata_windows", "stored"])]
    pub(crate) history: Option<Span>,
    /// The metric source that is asked, by its name; default the one below [source].
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    /// Statistics and forecasts this often; at least 1m.
    #[arg(long, value_name = "DURATION")]
    pub(crate) results_every: Option<Span>,
    /// Metadata this often; at least 10m.
    #[arg(long, value_name = "DURATION")]
    pub(crate) metadata_every: Option<Span>,
    /// Start nothing until --resume; runs started by hand go on.
    #[arg(long, conflicts_with = "resume")]
    pub(crate) pause: bool,
    /// Start runs again.
    #[arg(long)]
    pub(crate) resume: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SetsArgs {
    #[command(subcommand)]
    pub(crate) action: Option<SetsAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SetsAction {
    /// All sets.
    List,
    /// One set with its objectives.
    Show {
        /// Name or id; default the default set.
        set: Option<String>,
    },
    /// Write sets as TOML, to a file or to stdout.
    Export {
        /// Names or ids; default all.
        sets: Vec<String>,
        /// The file to write.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Make the sets of a TOML file true: shows the plan, asks, applies all or nothing.
    Apply {
        /// The file; - for stdin.
        file: PathBuf,
        /// Delete sets the file does not name.
        #[arg(long)]
        prune: bool,
        /// Only show the plan.
        #[arg(long)]
        dry_run: bool,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
    /// Add the set `Back end`: agreements on what this estate tells of itself; needs `[self] watch = true`.
    BackEnd {
        /// Only show the plan.
        #[arg(long)]
        dry_run: bool,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
    /// Delete a set; its violations are kept.
    Delete {
        /// Name or id.
        set: String,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ViolationsArgs {
    /// Name or id of a set; default all active sets.
    pub(crate) set: Option<String>,
    /// The ledger: every stored violation, newest first.
    #[arg(long)]
    pub(crate) ledger: bool,
    /// Each violating sample of the longest window: when, which value, on which side of the range.
    #[arg(long, conflicts_with = "ledger")]
    pub(crate) samples: bool,
    /// Only violations that go on.
    #[arg(long, requires = "ledger")]
    pub(crate) open: bool,
    /// Also those of deleted objectives, and of queries and bounds that were changed since.
    #[arg(long, requires = "ledger")]
    pub(crate) retired: bool,
    /// How far back the ledger goes.
    #[arg(long, value_name = "DURATION", default_value = "7d")]
    pub(crate) since: Span,
    #[command(flatten)]
    pub(crate) at: At,
}

#[derive(Debug, Args)]
pub(crate) struct ForecastArgs {
    /// Name or id of a set; default all active sets. With --method a selector or expression.
    pub(crate) set: Option<String>,
    /// How likely a given bound is left within the horizon, by these methods side by side; nothing has to be agreed.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "METHOD", requires = "set")]
    pub(crate) method: Vec<Method>,
    /// The bound of --method: least allowed value, written like that of `sla evaluate`.
    #[arg(long, requires = "method", allow_hyphen_values = true, value_name = "VALUE")]
    pub(crate) min: Option<String>,
    /// The bound of --method: greatest allowed value.
    #[arg(long, requires = "method", allow_hyphen_values = true, value_name = "VALUE")]
    pub(crate) max: Option<String>,
    /// How much history --method reads.
    #[arg(long, value_name = "DURATION", default_value = "12h", requires = "method")]
    pub(crate) window: Span,
    /// The metric source that --method asks, by its name; default the one below [source].
    #[arg(long, value_name = "NAME", requires = "method")]
    pub(crate) source: Option<String>,
    /// Forecast tasks in bulk, one JSON object a line; - for stdin. Needs no instance.
    #[arg(long, value_name = "FILE.jsonl", conflicts_with = "set")]
    pub(crate) tasks: Option<PathBuf>,
    /// How far ahead: only agreements of that horizon, or of bounds tried with --method; default each its own.
    #[arg(long, value_name = "DURATION")]
    pub(crate) horizon: Option<Span>,
    #[command(flatten)]
    pub(crate) at: At,
}

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// Number or id of a run: show it whole.
    pub(crate) run: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 20, value_parser = number::whole::<u32>)]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The recording.
    pub(crate) file: PathBuf,
    /// How much faster than it was, 0.01 to 1000.
    #[arg(long, value_name = "N", default_value_t = 1.0, allow_negative_numbers = true, value_parser = number::speed)]
    pub(crate) speed: f64,
}

#[derive(Debug, Args)]
pub(crate) struct AroundArgs {
    /// The series in question; looked at beside it are the sets in use, its instance, its job and all others.
    pub(crate) selector: String,
    /// How long after the instant it is looked, 3m to 2h.
    #[arg(long, value_name = "DURATION", default_value = "15m")]
    pub(crate) span: Span,
    /// Rows at most.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = number::whole::<u32>)]
    pub(crate) rows: u32,
    /// The metric source to look in, by its name; default the one below [source].
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    #[command(flatten)]
    pub(crate) at: At,
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// A PromQL selector or expression.
    #[arg(required_unless_present = "csv", conflicts_with = "csv")]
    pub(crate) selector: Option<String>,
    /// Samples from a file instead: `timestamp,value`; - for stdin. Needs no instance.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) columns: CsvColumns,
    /// Least allowed value: 4, 1.5k, 6G, 6Gi, 10%, 250ms, 3MB/s.
    #[arg(long, allow_hyphen_values = true, value_name = "VALUE")]
    pub(crate) min: Option<String>,
    /// Greatest allowed value, written like --min.
    #[arg(long, allow_hyphen_values = true, value_name = "VALUE")]
    pub(crate) max: Option<String>,
    /// The window.
    #[arg(long, value_name = "DURATION", default_value = "12h")]
    pub(crate) window: Span,
    /// How long a sample holds at most; default twice the spacing.
    #[arg(long, value_name = "DURATION")]
    pub(crate) cap: Option<Span>,
    /// What unknown time counts as: gap, good, bad, zero or hold(10m).
    #[arg(long, value_name = "POLICY", default_value = "gap")]
    pub(crate) missing: sla_domain::MissingPolicy,
    /// Judge a counter's own value instead of its rate.
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) at: At,
}

/// Where numbers come from without a stored agreement: a source, a CSV file, a JSON file.
#[derive(Debug, Args)]
pub(crate) struct Input {
    /// A PromQL selector or expression.
    #[arg(required_unless_present_any = ["csv", "values"], conflicts_with_all = ["csv", "values"])]
    pub(crate) selector: Option<String>,
    /// Samples from a file: `timestamp,value`; - for stdin. Needs no instance.
    #[arg(long, value_name = "FILE", conflicts_with = "values")]
    pub(crate) csv: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) columns: CsvColumns,
    /// Values from a JSON file: an array, or an object with `values` and `step_seconds`; - for stdin. Needs no instance.
    #[arg(long, value_name = "FILE.json")]
    pub(crate) values: Option<PathBuf>,
    /// Distance of the values; for --values without `step_seconds`.
    #[arg(long, value_name = "DURATION")]
    pub(crate) step: Option<Span>,
    /// How much history is read from the source.
    #[arg(long, value_name = "DURATION", default_value = "12h")]
    pub(crate) window: Span,
    /// The metric source that is asked, by its name; default the one below [source].
    #[arg(long, value_name = "NAME", conflicts_with_all = ["csv", "values"])]
    pub(crate) source: Option<String>,
    #[command(flatten)]
    pub(crate) at: At,
}

impl Input {
    /// Whether everything comes from a file.
    pub(crate) fn is_file(&self) -> bool {
        self.csv.is_some() || self.values.is_some()
    }
}

#[derive(Debug, Args)]
pub(crate) struct AnalyzeArgs {
    #[command(flatten)]
    pub(crate) input: Input,
    /// Fit ARIMA of this order: p,d,q; may be given several times.
    #[arg(long, value_name = "p,d,q")]
    pub(crate) arima: Vec<String>,
    /// Holt–Winters on bins of this length with a season of M bins: 120s,5.
    #[arg(long, value_name = "BIN,M")]
    pub(crate) holt_winters: Option<String>,
    /// Given parameters instead of fitted ones, for --arima or --holt-winters.
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true, value_name = "a,b,…")]
    pub(crate) params: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BacktestArgs {
    #[command(flatten)]
    pub(crate) input: Input,
    /// How far ahead.
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub(crate) horizon: Span,
    /// Only these methods; default all.
    #[arg(long, value_delimiter = ',', value_name = "METHOD", conflicts_with = "live")]
    pub(crate) methods: Vec<String>,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) action: ConfigAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Every value and where it comes from.
    Show,
    /// The path of the configuration file.
    Path,
    /// Check everything that a start would refuse, certificates and addresses of peers too, without starting anything.
    Check {
        /// The roles that are to run; default all.
        #[arg(long, value_delimiter = ',', value_name = "ROLE", value_parser = role)]
        roles: Vec<String>,
    },
}

/// How the console answers when it is not to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns.
    Table,
    /// One JSON document.
    Json,
    /// Comma separated values.
    Csv,
}
