//! An instance between a provider of weather and the ends of channels, on a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use sla_domain::{Clock as _, ManualClock, SystemClock};
use sla_launcher::config::Config;
use sla_launcher::instance::{self, Paths, Roles, Running, Serve, Wiring};
use sla_proto::weather::v1::AddCityRequest;
use sla_proto::{LateRoutes, Peer};
use sla_runtime::server::{Audience, Connections, Cover, TcpDoor, UnixDoor};
use sla_runtime::shutdown::Shutdown;
use sla_testkit::stub::Stub;

use crate::people::Town;
use crate::sky::{Sky, city};

/// A round with its jitter, milliseconds.
pub(crate) const ROUND_MS: i64 = 16 * 60_000;
/// How long something that must come is waited for.
const PATIENCE: Duration = Duration::from_mins(2);

/// All roles in this process.
pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    _late: LateRoutes,
    _provider: Stub,
    running: Option<Running>,
    pub(crate) clock: Arc<ManualClock>,
    shutdown: Shutdown,
    pub(crate) sky: Sky,
    pub(crate) town: Town,
    /// A door of TCP: gRPC and JSON over HTTP.
    pub(crate) url: String,
}

impl House {
    /// In a folder, with this beside the section about the weather; `mailbox` is where webhooks arrive.
    pub(crate) async fn start(folder: tempfile::TempDir, mailbox: &str, toml: &str) -> Self {
        let paths = Paths::inside(folder.path());
        let clock = Arc::new(ManualClock::at(SystemClock.now_ms()));
        let (sky, time) = (Sky::default(), clock.clone());
        let (answers, run) = (
            sky.clone(),
            Serve {
                // With a port the gateway runs too; the doors are bound below.
                listen: Some("127.0.0.1:0".parse().unwrap()),
                ..Serve::default()
            },
        );
        let provider = Stub::start(move |request| answers.answer(&*time, &request.path, &request.form)).await;
        let config: Config = toml::from_str(&format!(
            "[weather]\nprovider = \"open-meteo\"\nbase_url = {:?}\ndaily_quota = 1000000\n{toml}",
            provider.url()
        ))
        .unwrap();
        let shutdown = Shutdown::new();
        let wiring = Wiring {
            config: &config,
            paths: &paths,
            run: &run,
            clock: clock.clone(),
            shutdown: &shutdown,
        };
        let Roles {
            routes,
            guard,
            late,
            running,
            ..
        } = instance::start(wiring).await.unwrap();
        let unix = UnixDoor::bind(&paths.socket, Audience::Owner).await.unwrap();
        let served = unix.serve(routes.clone(), guard.clone(), Connections::default(), shutdown.clone());
        shutdown.spawn("unix", async move { served.await.unwrap() });
        let tcp = TcpDoor::bind("127.0.0.1:0".parse().unwrap(), Cover::Host)
            .await
            .unwrap();
        let url = format!("http://{}", tcp.address);
        let served = tcp.serve(routes, guard, Connections::default(), shutdown.clone());
        shutdown.spawn("tcp", async move { served.await.unwrap() });
        Self {
            folder,
            _late: late,
            _provider: provider,
            running: Some(running),
            clock,
            shutdown,
            sky,
            town: Town {
                socket: paths.socket,
                mailbox: mailbox.to_owned(),
            },
            url,
        }
    }

    /// Waits for what must come, while time goes on, ten times as fast as it does.
    pub(crate) async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let wait = async {
            while !is_so().await {
                self.clock.advance(2_000);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, wait).await;
        assert!(came.is_ok(), "it is not so after {PATIENCE:?}: {what}");
    }

    /// A round of the first `cities` passes. A new city wakes the role, whose sleep this clock does not shorten; gives the polls of the
    /// others.
    pub(crate) async fn round(&self, ada: &Peer, cities: usize, another: usize) -> usize {
        self.sky.take_polls();
        self.clock.advance(ROUND_MS);
        let wake = AddCityRequest { city: city(another) };
        ada.weather().add_city(wake).await.unwrap();
        self.until("a round", async || self.sky.polled_of(cities) == cities)
            .await;
        let polls = self.sky.take_polls();
        polls
            .iter()
            .filter(|(number, _)| **number < cities)
            .map(|(_, count)| count)
            .sum()
    }

    /// All tasks end.
    pub(crate) async fn close(mut self) {
        self.shutdown.begin();
        self.running.take().unwrap().close().await;
    }
}
