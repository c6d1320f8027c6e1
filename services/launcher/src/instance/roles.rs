//! The composition root: makes the roles, gives each what it needs, and joins their services.

use std::path::Path;
use std::sync::Arc;

use color_eyre::eyre::{Report, eyre};
use sla_account::AccountService;
use sla_domain::{Clock, SourceId};
use sla_etl::EtlService;
use sla_gateway::{GatewayOptions, GatewayService};
use sla_manager::SlaService;
use sla_notify::NotifyService;
use sla_proto::series::v1::SourceStatus;
use sla_proto::server::v1::GetServerInfoResponse;
use sla_proto::{API_LEVEL, LateRoutes, Peer, convert};
use sla_retrieval::{RetrievalOptions, RetrievalService};
use sla_runtime::gate::Gate;
use sla_runtime::health::RoleHealth;
use sla_runtime::layer::GuardLayer;
use sla_runtime::metrics::{Metrics, process, single};
use sla_runtime::processes::Neighbour;
use sla_runtime::server_info::{ServerFacts, ServerInfo};
use sla_runtime::{CpuPool, Parts, Role, Shutdown};
use sla_source::{KeptSamples, MetricSource, Prometheus, Replay, ReplayOptions, shown_address};
use sla_storage::{StorageOptions, StorageService};
use sla_weather::WeatherService;
use tonic::service::Routes;

use super::bus;
use super::messages;
use super::options::{account_options, etl_options, sla_options, windows};
use super::paths::Paths;
use super::peers;
use super::plan::Serve;
use super::source::source_options;
use super::watching;
use crate::config::Config;

/// What the roles are made from.
pub struct Wiring<'a> {
    /// Every key.
    pub config: &'a Config,
    /// Where things are kept.
    pub paths: &'a Paths,
    /// Which roles, and on what.
    pub run: &'a Serve,
    /// The clock of all.
    pub clock: Arc<dyn Clock>,
    /// Their end.
    pub shutdown: &'a Shutdown,
}

impl Wiring<'_> {
    /// Whether the role `word` runs here: that of the weather where it is configured or asked for.
    fn runs(&self, word: &str) -> bool {
        let is_wanted = word != "weather" || self.config.weather.is_on() || !self.run.roles.is_empty();
        // A demo asks nobody.
        self.run.has(word) && is_wanted && (word != "weather" || self.run.demo.is_none())
    }
}

/// The words of all roles, in the order in which they start: a store that cannot be opened ends the process first.
pub(crate) const ROLES: [&str; 8] = [
    "storage",
    "account",
    "etl",
    "sla",
    "retrieval",
    "notify",
    "weather",
    "gateway",
];

/// The roles of this process.
pub struct Roles {
    /// Their services, and those that every process has.
    pub routes: Routes,
    /// The layers before them, for doors.
    pub guard: GuardLayer,
    /// Reaches all roles, in this process and in others, without a socket of ours.
    pub local: Peer,
    /// Keeps the peer alive that the roles have of each other.
    pub late: LateRoutes,
    /// What is closed last.
    pub running: Running,
    /// What the process counts about itself.
    pub metrics: Metrics,
}

/// What is closed at the end.
pub struct Running(Vec<Box<dyn Role>>);

impl Running {
    /// The last step of an orderly end, when nobody calls any more; in the opposite order of the start.
    pub async fn close(self) {
        for role in self.0.iter().rev() {
            role.close().await;
        }
    }
}

/// Starts the roles that run here. They reach each other through a late peer, filled once all are there, and the roles of other
/// processes by their addresses.
///
/// # Errors
/// What kept one of them from starting, or a secret or address of `[peers]` that cannot be used.
pub async fn start(wiring: Wiring<'_>) -> Result<Roles, Report> {
    // The one TLS provider of every client and door here; another one that was installed first stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let secret = peers::secret(&wiring.config.peers)?;
    let metrics = Metrics::default();
    let (here, late) = Peer::late();
    let trust = peers::trust(&wiring.config.tls)?;
    let elsewhere = peers::elsewhere(&wiring.config.peers, wiring.run, secret.as_deref(), &trust)?;
    let neighbours = peers::neighbours(&wiring.config.peers, &elsewhere);
    // The gateway speaks for the processes behind it.
    let beyond = if wiring.run.has("gateway") {
        elsewhere.keys().cloned().collect()
    } else {
        Vec::new()
    };
    let joined = peers::joined(&elsewhere, &here, (wiring.run, secret.as_deref(), &trust));
    let peer = here.routed(joined);
    let guard = GuardLayer::default()
        .trusting(secret.clone())
        .asking(gate(&wiring, &peer))
        .measured(&metrics)
        .standing_for(sla_gateway::rpc_of);
    let pool = match wiring.config.etl.threads {
        0 => CpuPool::per_core(),
        threads => CpuPool::new(threads),
    };
    let parts = Parts {
        peer: peer.clone(),
        clock: wiring.clock.clone(),
        pool,
        shutdown: wiring.shutdown.clone(),
        metrics: metrics.clone(),
    };
    tell_process(&metrics, &wiring, &parts.pool);
    let mut running = Vec::new();
    let around = Around {
        neighbours: &neighbours,
        fellows: peers::fellow_workers(
            &wiring.config.peers,
            &wiring.config.etl.address,
            wiring.run,
            secret.as_deref(),
            &trust,
        )?,
        beyond: &beyond,
        weather: weather_samples(&wiring)?,
    };
    let has_weather = around.weather.is_some();
    for word in ROLES.into_iter().filter(|word| wiring.runs(word)) {
        running.push(role(word, &wiring, &around, parts.clone()).await?);
    }
    let facts = ServerFacts {
        info: facts(&wiring, &running),
        has_source: wiring.run.has("etl") || !wiring.config.peers.etl.is_empty(),
        neighbours,
        metrics: metrics.clone(),
        beyond: beyond.clone(),
    };
    // Here, or behind a gateway that passes its calls on.
    let has_weather = has_weather || beyond.iter().any(|word| word == "weather");
    let health = RoleHealth::server(&facts.info.roles, parts.shutdown.clone()).beyond(beyond, parts.peer.clone());
    let info = ServerInfo::server(facts, parts.peer, parts.clock, parts.shutdown);
    let every_process = Routes::new(info).add_service(health.into_server());
    let mut routes = running.iter().fold(every_process, |routes, role| role.routes(routes));
    if !has_weather {
        routes = sla_weather::absent(routes);
    }
    let routes = sla_runtime::server::with_reflection(routes)?;
    late.fill(sla_runtime::server::local(routes.clone(), &guard));
    Ok(Roles {
        routes,
        guard,
        local: peer,
        late,
        running: Running(running),
        metrics,
    })
}

/// Registers what every process tells about itself.
fn tell_process(metrics: &Metrics, wiring: &Wiring<'_>, pool: &CpuPool) {
    process::register(metrics, env!("CARGO_PKG_VERSION"));
    process::register_folder(metrics, wiring.paths.data.clone());
    let here: Vec<&str> = ROLES.into_iter().filter(|word| wiring.runs(word)).collect();
    metrics.gauge(
        "sla_role_info",
        "Always 1; a label each role that runs here",
        move || {
            let one = |role: &&str| (vec![("role", (*role).to_owned())], 1.0);
            here.iter().map(one).collect()
        },
    );
    let (jobs, threads) = (pool.clone(), pool.threads());
    metrics.gauge("sla_pool_threads", "Computations that may run at once", move || {
        single(threads as f64)
    });
    metrics.gauge("sla_pool_jobs", "Computations that run or wait", move || {
        single(jobs.jobs() as f64)
    });
}

/// Who asks callers who they are; `None` where no role could answer it.
fn gate(wiring: &Wiring<'_>, peer: &Peer) -> Option<Gate> {
    if wiring.run.has("account") || !wiring.config.peers.account.is_empty() {
        return Some(Gate::through(peer.clone()));
    }
    tracing::warn!("nobody is asked who he is: the role account is neither here nor in [peers]");
    None
}

/// What some roles need to know of others.
struct Around<'a> {
    neighbours: &'a [Neighbour],
    /// The other workers.
    fellows: Vec<Neighbour>,
    beyond: &'a [String],
    /// What the role weather hands to the role etl, where it runs.
    weather: Option<Arc<KeptSamples>>,
}

/// The samples of the role weather, where it runs.
fn weather_samples(wiring: &Wiring<'_>) -> Result<Option<Arc<KeptSamples>>, Report> {
    if !wiring.runs("weather") {
        return Ok(None);
    }
    if !wiring.run.has("etl") {
        return Err(eyre!(
            "the role weather runs in the process of the role etl, which reads its samples: give --roles etl,weather"
        ));
    }
    let id = SourceId(sla_weather::SOURCE.to_owned());
    let samples = KeptSamples::new(id, wiring.clock.clone(), sla_weather::ABOUT);
    Ok(Some(Arc::new(samples)))
}

/// Starts the role called `word`.
async fn role(word: &str, wiring: &Wiring<'_>, around: &Around<'_>, parts: Parts) -> Result<Box<dyn Role>, Report> {
    let Wiring { config, paths, run, .. } = *wiring;
    Ok(match word {
        "storage" => storage(wiring, parts).await?,
        "account" => Box::new(AccountService::start(account_options(config), parts)?),
        "etl" => {
            let sources = sources(config, run, around, &parts)?;
            let stream = bus::stream(&config.bus, &parts)?;
            let tasks = bus::tasks(&config.bus, &paths.data)?;
            let options = etl_options(config, paths);
            Box::new(EtlService::start(options, sources, stream, tasks, parts)?)
        }
        "sla" => Box::new(SlaService::start(sla_options(config, run), parts)?),
        "gateway" => Box::new(GatewayService::start(
            GatewayOptions {
                beyond: around.beyond.to_vec(),
            },
            parts,
        )),
        "notify" => Box::new(NotifyService::start(messages::options(config), parts)?),
        "retrieval" => Box::new(RetrievalService::start(RetrievalOptions::default(), parts)?),
        "weather" => weather(config, around, &parts)?,
        _ => return Err(eyre!("there is no role {word}: give one of {}", ROLES.join(", "))),
    })
}

fn weather(config: &Config, around: &Around<'_>, parts: &Parts) -> Result<Box<dyn Role>, Report> {
    let (Some(options), Some(samples)) = (config.weather.options(), around.weather.clone()) else {
        return Err(eyre!("the role weather needs weather.provider in the configuration"));
    };
    Ok(Box::new(WeatherService::start(&options, samples, parts)?))
}

/// The role storage over the server that is configured, else over a file. A demo leaves nothing behind on a server.
async fn storage(wiring: &Wiring<'_>, parts: Parts) -> Result<Box<dyn Role>, Report> {
    let options = StorageOptions::in_dir(&wiring.paths.data);
    let results = bus::results(&wiring.config.bus, &wiring.paths.data)?;
    #[cfg(feature = "mysql")]
    if let (Some(place), None) = (wiring.config.storage.server()?, &wiring.run.demo) {
        let (readers, retention) = (options.readers, options.retention);
        let storage = StorageService::start_on_server(place, readers, retention, parts).await?;
        if let Some(results) = results {
            storage.follow(results);
        }
        return Ok(Box::new(storage));
    }
    let storage = StorageService::start(options, parts).await?;
    if let Some(results) = results {
        storage.follow(results);
    }
    Ok(Box::new(storage))
}

/// The metric sources, the default one first.
fn sources(
    config: &Config,
    run: &Serve,
    around: &Around<'_>,
    parts: &Parts,
) -> Result<Vec<Arc<dyn MetricSource>>, Report> {
    if let Some(demo) = &run.demo {
        let options = ReplayOptions {
            step_ms: demo.step_ms,
            ..ReplayOptions::default()
        };
        let replay = Replay::demo(SourceId("demo".to_owned()), parts.clock.clone(), options);
        return Ok(vec![Arc::new(replay)]);
    }
    let mut sources: Vec<Arc<dyn MetricSource>> = Vec::new();
    for source in config.all_sources().into_iter().filter(|source| !source.url.is_empty()) {
        let options = source_options(&source, config.etl.max_series);
        sources.push(Arc::new(Prometheus::new(options)?));
    }
    if config.own.watch {
        let watched = [around.neighbours, &around.fellows].concat();
        let here = watching::called(&config.instance.name, &config.etl.address);
        sources.push(watching::start(here, parts, watched));
    }
    if let Some(weather) = &around.weather {
        sources.push(weather.clone());
    }
    Ok(sources)
}

fn facts(wiring: &Wiring<'_>, running: &[Box<dyn Role>]) -> GetServerInfoResponse {
    let Wiring { config, paths, run, .. } = *wiring;
    GetServerInfoResponse {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        api_level: API_LEVEL,
        roles: running.iter().map(|role| role.name().to_owned()).collect(),
        instance: if run.demo.is_some() {
            "demo".to_owned()
        } else {
            config.instance.name.clone()
        },
        pid: std::process::id(),
        started: Some(convert::timestamp(wiring.clock.now_ms())),
        windows: windows(config).into_iter().map(convert::duration).collect(),
        statistics: ["n", "mean", "min", "max", "std", "median", "p95", "p99"]
            .map(str::to_owned)
            .to_vec(),
        steps: ["statistics", "metadata", "forecast"].map(str::to_owned).to_vec(),
        demo: run.demo.is_some(),
        frozen: run.demo.as_ref().is_some_and(|demo| demo.frozen_ms.is_some()),
        idle_exit: run.idle_exit.map(|idle| convert::duration(idle.as_millis() as i64)),
        data_dir: Path::display(&paths.data).to_string(),
        horizon: Some(convert::duration(config.evaluation.horizon.ms())),
        source: Some(SourceStatus {
            address: if run.demo.is_some() {
                String::new()
            } else {
                shown_address(config.first_url())
            },
            demo: run.demo.is_some(),
            ..SourceStatus::default()
        })
        .filter(|_| run.has("etl")),
        ..GetServerInfoResponse::default()
    }
}
