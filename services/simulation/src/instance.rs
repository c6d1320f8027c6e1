//! All roles of one instance in this thread, wired as the launcher wires them.

use std::error::Error;
use std::sync::Arc;

use sla_account::{AccountOptions, AccountService};
use sla_bus::memory::MemoryBus;
use sla_bus::{DirectStream, ResultStream};
use sla_domain::Clock;
use sla_etl::{EtlOptions, EtlService};
use sla_gateway::{GatewayOptions, GatewayService};
use sla_manager::{SlaOptions, SlaService};
use sla_notify::{NotifyOptions, NotifyService};
use sla_proto::{LateRoutes, Peer};
use sla_retrieval::{RetrievalOptions, RetrievalService};
use sla_runtime::gate::Gate;
use sla_runtime::layer::GuardLayer;
use sla_runtime::shutdown::DRAIN_LIMIT;
use sla_runtime::{CpuPool, Metrics, Parts, Role, Shutdown};
use sla_storage::sqlite::Sqlite;
use sla_storage::{RetentionOptions, SqlStore, StorageService};
use sla_weather::WeatherService;
use tonic::service::Routes;

use crate::bug::Bug;
use crate::clock::LifeClock;
use crate::disk::{Disk, OnDisk};
use crate::mail::Mailroom;
use crate::post::Post;
use crate::sky::WorldSky;
use crate::source::WorldSource;
use crate::weather::Weather;
use crate::wire::Wire;

const READERS: usize = 2;

/// What an instance is started on.
pub(crate) struct Ground {
    pub(crate) clock: Arc<LifeClock>,
    pub(crate) weather: Arc<Weather>,
    pub(crate) disk: Disk,
    pub(crate) source: Arc<WorldSource>,
    /// Over a city, where there is one.
    pub(crate) sky: Option<Arc<WorldSky>>,
    /// Results go over it, where there is one.
    pub(crate) bus: Option<MemoryBus>,
    /// Where messages go.
    pub(crate) mailroom: Arc<Mailroom>,
    pub(crate) windows_ms: Vec<i64>,
    /// Distance of runs, milliseconds.
    pub(crate) runs_every_ms: i64,
    pub(crate) bug: Option<Bug>,
}

/// It runs until it is stopped, or its runtime is dropped.
pub(crate) struct Instance {
    /// Reaches all roles; nothing is lost on the way.
    pub(crate) peer: Peer,
    shutdown: Shutdown,
    running: Vec<Box<dyn Role>>,
    _late: LateRoutes,
}

impl Instance {
    pub(crate) fn start(ground: &Ground) -> Result<Self, Box<dyn Error>> {
        // The roles make clients that may want it; another one that was installed first stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (peer, late) = Peer::late();
        let (metrics, shutdown) = (Metrics::default(), Shutdown::new());
        let clock: Arc<dyn Clock> = ground.clock.clone();
        let parts = Parts {
            peer: peer.clone(),
            clock: clock.clone(),
            pool: CpuPool::new(1),
            shutdown: shutdown.clone(),
            metrics: metrics.clone(),
        };
        let guard = GuardLayer::default()
            .asking(Some(Gate::through(peer.clone())))
            .measured(&metrics)
            .standing_for(sla_gateway::rpc_of);
        let database = OnDisk::new(
            Sqlite::open(&ground.disk.folder, READERS, clock.clone())?,
            ground.disk.clone(),
        );
        let store = SqlStore::over(database, clock);
        sla_storage::keep_copies(ground.disk.folder.clone(), &parts);
        let storage = StorageService::over(store, RetentionOptions::default(), parts.clone());
        let stream: Arc<dyn ResultStream> = match &ground.bus {
            Some(bus) => {
                storage.follow(Arc::new(bus.clone()));
                Arc::new(Post::new(bus.clone(), ground.weather.clone(), ground.bug))
            }
            None => Arc::new(DirectStream::to(peer.clone())),
        };
        let etl = EtlOptions {
            windows_ms: ground.windows_ms.clone(),
            results_every_ms: ground.runs_every_ms,
            ..EtlOptions::default()
        };
        let sla = SlaOptions {
            windows_ms: ground.windows_ms.clone(),
            default_set: false,
            ..SlaOptions::default()
        };
        // Each begin and end is told: how often is too often is another matter.
        let notify = NotifyOptions {
            flap_count: u32::MAX,
            ..NotifyOptions::default()
        };
        let account = AccountOptions {
            hashers: 1,
            ..AccountOptions::default()
        };
        let mut running: Vec<Box<dyn Role>> = vec![
            Box::new(storage),
            Box::new(AccountService::start(account, parts.clone())?),
            Box::new(EtlService::start(
                etl,
                vec![ground.source.clone()],
                stream,
                None,
                parts.clone(),
            )?),
            Box::new(SlaService::start(sla, parts.clone())?),
            Box::new(RetrievalService::start(RetrievalOptions::default(), parts.clone())?),
            Box::new(NotifyService::through(ground.mailroom.clone(), notify, parts.clone())?),
            Box::new(GatewayService::start(GatewayOptions::default(), parts.clone())),
        ];
        if let Some(sky) = &ground.sky {
            running.push(Box::new(WeatherService::under(
                sky.clone(),
                sky.samples.clone(),
                &parts,
            )));
        }
        let routes = running
            .iter()
            .fold(Routes::default(), |routes, role| role.routes(routes));
        late.fill(Wire::new(
            sla_runtime::server::local(routes, &guard),
            ground.weather.clone(),
            ground.bug,
        ));
        Ok(Self {
            peer,
            shutdown,
            running,
            _late: late,
        })
    }

    /// The orderly end. Words where it did not come in time.
    pub(crate) async fn stop(self) -> Result<(), String> {
        let drained = self.shutdown.drain(DRAIN_LIMIT).await;
        for role in self.running.iter().rev() {
            role.close().await;
        }
        if drained {
            Ok(())
        } else {
            Err("the instance did not end in time".to_owned())
        }
    }
}
