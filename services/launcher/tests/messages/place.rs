//! Roles storage, account and notify in this process, on a clock that the test moves, with violations as the test says.

use std::sync::Arc;
use std::time::Duration;

use sla_domain::{Clock as _, ManualClock, SystemClock};
use sla_launcher::config::Config;
use sla_launcher::instance::{self, Paths, Roles, Running, Serve, Wiring};
use sla_proto::convert::{duration, timestamp};
use sla_proto::notify::v1::{AddChannelRequest, Channel, ChannelKind, Delivery, DeliveryState, ListDeliveriesRequest};
use sla_proto::objective::v1::{Objective, SlaSet};
use sla_proto::series::v1::{Label, Series};
use sla_proto::storage::v1::{GetNotifyProgressRequest, PutStoredSetRequest, PutViolationsRequest};
use sla_proto::violation::v1::{Side, Violation};
use sla_proto::{LateRoutes, Peer};
use sla_runtime::server::{Audience, Connections, UnixDoor};
use sla_runtime::shutdown::Shutdown;

/// How long something that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A violation of the objective `load` of the set `Web`.
pub(crate) fn violation(series: u8, start_ms: i64, end_ms: Option<i64>, judged_ms: i64) -> Violation {
    let label = |name: &str, value: &str| Label {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    Violation {
        set_id: "web".to_owned(),
        objective_id: "load".to_owned(),
        generation: 1,
        series: Some(Series {
            id: vec![series; 16],
            labels: vec![
                label("__name__", "node_load1"),
                label("instance", &format!("host-{series}")),
            ],
            ..Series::default()
        }),
        start: Some(timestamp(start_ms)),
        end: end_ms.map(timestamp),
        side: Side::Above.into(),
        worst: 7.2,
        excess: 3.2,
        bound: 4.0,
        samples: 3,
        duration_ms: end_ms.unwrap_or(judged_ms) - start_ms,
        judged: Some(timestamp(judged_ms)),
        ..Violation::default()
    }
}

/// The set of all violations here.
pub(crate) fn set(owner: &str) -> SlaSet {
    SlaSet {
        id: "web".to_owned(),
        name: "Web".to_owned(),
        owner: owner.to_owned(),
        active: true,
        objectives: vec![Objective {
            id: "load".to_owned(),
            name: "load of hosts".to_owned(),
            generation: 1,
            ..Objective::default()
        }],
        ..SlaSet::default()
    }
}

/// The instance.
pub(crate) struct Place {
    _folder: tempfile::TempDir,
    _late: LateRoutes,
    running: Option<Running>,
    /// As a role.
    pub(crate) roles: Peer,
    pub(crate) clock: Arc<ManualClock>,
    socket: std::path::PathBuf,
    shutdown: Shutdown,
}

impl Place {
    /// With this configuration, and the set of `owner`.
    pub(crate) async fn with(folder: tempfile::TempDir, toml: &str, owner: &str) -> Self {
        let paths = Paths::inside(folder.path());
        let run = Serve {
            roles: ["storage", "account", "notify"].map(str::to_owned).to_vec(),
            ..Serve::default()
        };
        let shutdown = Shutdown::new();
        let clock = Arc::new(ManualClock::at(SystemClock.now_ms()));
        let config: Config = toml::from_str(toml).unwrap();
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
            local,
            metrics: _,
        } = instance::start(wiring).await.unwrap();
        let unix = UnixDoor::bind(&paths.socket, Audience::Owner).await.unwrap();
        let served = unix.serve(routes, guard, Connections::default(), shutdown.clone());
        shutdown.spawn("unix", async move { served.await.unwrap() });
        let place = Self {
            _folder: folder,
            _late: late,
            running: Some(running),
            roles: local,
            clock,
            socket: paths.socket,
            shutdown,
        };
        let request = PutStoredSetRequest {
            set: Some(set(owner)),
            expected_version: 0,
        };
        place.roles.set_store().put_stored_set(request).await.unwrap();
        place.reader_has_begun().await;
        place
    }

    /// Waits until the place in the ledger is stored: what comes from now on is news.
    async fn reader_has_begun(&self) {
        self.until("the reader has begun", async || {
            let progress = self
                .roles
                .notify_store()
                .get_notify_progress(GetNotifyProgressRequest {})
                .await;
            progress.is_ok_and(|progress| progress.into_inner().revision > 0)
        })
        .await;
    }

    /// Over the Unix socket, as the user of this test.
    pub(crate) async fn console(&self) -> Peer {
        Peer::connect_unix(&self.socket).await.unwrap()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Adds a channel that is told at once.
    pub(crate) async fn add(&self, name: &str, kind: ChannelKind, address: &str) -> Channel {
        let channel = Channel {
            name: name.to_owned(),
            kind: kind.into(),
            address: address.to_owned(),
            digest: Some(duration(0)),
            ..Channel::default()
        };
        let request = AddChannelRequest { channel: Some(channel) };
        let answer = self.console().await.notify().add_channel(request).await.unwrap();
        answer.into_inner().channel.unwrap()
    }

    /// Writes violations into the ledger.
    pub(crate) async fn put(&self, violations: Vec<Violation>) {
        let request = PutViolationsRequest { violations, fence: 0 };
        self.roles.ledger().put_violations(request).await.unwrap();
    }

    /// A new violation, as it begins now.
    pub(crate) async fn begin(&self, series: u8) -> i64 {
        let now_ms = self.now_ms();
        self.put(vec![violation(series, now_ms, None, now_ms)]).await;
        now_ms
    }

    /// The log, newest first.
    pub(crate) async fn log(&self) -> Vec<Delivery> {
        let answer = self
            .console()
            .await
            .notify()
            .list_deliveries(ListDeliveriesRequest::default())
            .await;
        answer.unwrap().into_inner().deliveries
    }

    /// Waits until the newest delivery has this state and number of attempts.
    pub(crate) async fn settled(&self, state: DeliveryState, attempts: u32) -> Delivery {
        self.until(&format!("{state:?} after {attempts} attempts"), async || {
            let log = self.log().await;
            log.first().is_some_and(|newest| {
                newest.state() == state
                    && newest.attempts == attempts
                    && (state == DeliveryState::Sent || !newest.problem.is_empty())
            })
        })
        .await;
        self.log().await.remove(0)
    }

    /// Waits for what must come.
    pub(crate) async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let wait = async {
            while !is_so().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, wait).await;
        assert!(
            came.is_ok(),
            "it is not so after {PATIENCE:?}: {what}; the log: {:#?}",
            self.log().await
        );
    }

    /// Ends it in order.
    pub(crate) async fn close(mut self) {
        self.shutdown.begin();
        if let Some(running) = self.running.take() {
            running.close().await;
        }
    }
}
