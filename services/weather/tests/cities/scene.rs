//! A role weather among roles that only remember.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sla_domain::{ManualClock, SourceId};
use sla_proto::Peer;
use sla_proto::objective::v1::SlaSet;
use sla_proto::set::v1::set_service_server::{SetService, SetServiceServer};
use sla_proto::set::v1::{
    ApplySetsRequest, ApplySetsResponse, CreateSetRequest, CreateSetResponse, DeleteSetRequest, DeleteSetResponse,
    DuplicateSetRequest, DuplicateSetResponse, GetSetRequest, GetSetResponse, ListSetsRequest, ListSetsResponse,
    SuggestRangeRequest, SuggestRangeResponse, UpdateSetRequest, UpdateSetResponse, ValidateSetRequest,
    ValidateSetResponse,
};
use sla_proto::storage::v1::lease_store_service_server::{LeaseStoreService, LeaseStoreServiceServer};
use sla_proto::storage::v1::set_store_service_server::{SetStoreService, SetStoreServiceServer};
use sla_proto::storage::v1::state_store_service_server::{StateStoreService, StateStoreServiceServer};
use sla_proto::storage::v1::{
    AcquireLeaseRequest, AcquireLeaseResponse, DeleteStoredSetRequest, DeleteStoredSetResponse, GetLeaseRequest,
    GetLeaseResponse, GetStateRequest, GetStateResponse, GetStoredSetRequest, GetStoredSetResponse, Lease,
    ListStoredSetsRequest, ListStoredSetsResponse, PutStateRequest, PutStateResponse, PutStoredSetRequest,
    PutStoredSetResponse, PutStoredSetsRequest, PutStoredSetsResponse, ReleaseLeaseRequest, ReleaseLeaseResponse,
    RenewLeaseRequest, RenewLeaseResponse, StateEntry,
};
use sla_runtime::caller::{Caller, Known, Way};
use sla_runtime::layer::GuardLayer;
use sla_runtime::ownership::Claimant;
use sla_runtime::{CpuPool, Metrics, Parts, Role as _, Shutdown};
use sla_source::KeptSamples;
use sla_weather::{ABOUT, SOURCE, WeatherOptions, WeatherService};
use tonic::{Request, Response, Status, Streaming};

pub(crate) const NOW: i64 = 1_780_000_000_000;

type Answer<T> = Result<Response<T>, Status>;

#[derive(Default)]
struct Memory {
    state: BTreeMap<String, StateEntry>,
    /// How often something was written to it.
    state_writes: usize,
    sets: BTreeMap<String, SlaSet>,
    /// The revision in which each set was written.
    written: BTreeMap<String, u64>,
    revision: u64,
    authors: Vec<String>,
    refuses: bool,
    /// Where leases are kept: the newest one, and whether somebody holds it.
    lease: Option<(Lease, bool)>,
}

impl Memory {
    fn put(&mut self, set: &SlaSet, author: String) {
        self.revision += 1;
        self.written.insert(set.id.clone(), self.revision + 1);
        self.sets.insert(set.id.clone(), set.clone());
        self.authors.push(author);
    }
}

/// The storage and the role sla, as far as they are needed.
#[derive(Clone, Default)]
pub(crate) struct Others(Arc<Mutex<Memory>>);

impl Others {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap()
    }

    /// Those that keep a lease, which ends only when it is given up.
    pub(crate) fn with_a_lease() -> Self {
        let others = Self::default();
        others.memory().lease = Some(Default::default());
        others
    }

    /// No set and no state is written any more.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.memory().refuses = refuses;
    }

    /// What is stored as state cannot be read any more.
    pub(crate) fn garble(&self) {
        let mut memory = self.memory();
        memory.state.values_mut().for_each(|entry| entry.body = b"?".to_vec());
    }

    pub(crate) fn sets(&self) -> Vec<SlaSet> {
        self.memory().sets.values().cloned().collect()
    }

    /// Cities that are stored.
    pub(crate) fn stored(&self) -> usize {
        let memory = self.memory();
        let cities = memory.state.values().filter(|entry| entry.key.contains("/city/"));
        cities.filter(|entry| !entry.body.is_empty()).count()
    }

    /// How often cities were stored, however many at once.
    pub(crate) fn state_writes(&self) -> usize {
        self.memory().state_writes
    }

    /// On whose behalf sets were written.
    pub(crate) fn authors(&self) -> Vec<String> {
        self.memory().authors.clone()
    }

    fn write(&self) -> Result<MutexGuard<'_, Memory>, Status> {
        let memory = self.memory();
        if memory.refuses {
            return Err(Status::unavailable("nothing is written now"));
        }
        Ok(memory)
    }
}

#[tonic::async_trait]
impl StateStoreService for Others {
    async fn put_state(&self, request: Request<PutStateRequest>) -> Answer<PutStateResponse> {
        let mut memory = self.write()?;
        memory.state_writes += 1;
        for entry in request.into_inner().entries {
            assert!(entry.body.len() <= 64 << 10 && entry.keep_days > 0);
            memory.state.insert(entry.key.clone(), entry);
        }
        Ok(Response::new(PutStateResponse {}))
    }

    async fn get_state(&self, request: Request<GetStateRequest>) -> Answer<GetStateResponse> {
        let memory = self.memory();
        let keys = request.into_inner().keys;
        assert!(keys.len() <= 1000);
        // A part at a time, as a full answer would have it.
        let asked = keys.iter().take(300);
        let entries = asked.clone().filter_map(|key| memory.state.get(key).cloned()).collect();
        Ok(Response::new(GetStateResponse {
            entries,
            looked_up: asked.len() as u32,
        }))
    }
}

#[tonic::async_trait]
impl LeaseStoreService for Others {
    async fn acquire_lease(&self, request: Request<AcquireLeaseRequest>) -> Answer<AcquireLeaseResponse> {
        let request = request.into_inner();
        let mut memory = self.memory();
        let (lease, is_held) = memory
            .lease
            .as_mut()
            .ok_or_else(|| Status::unimplemented("no leases here"))?;
        if !*is_held {
            *is_held = true;
            lease.token += 1;
            lease.holder.clone_from(&request.holder);
        }
        Ok(Response::new(AcquireLeaseResponse {
            lease: Some(lease.clone()),
            acquired: lease.holder == request.holder,
        }))
    }

    async fn renew_lease(&self, request: Request<RenewLeaseRequest>) -> Answer<RenewLeaseResponse> {
        let memory = self.memory();
        let (lease, is_held) = memory
            .lease
            .as_ref()
            .ok_or_else(|| Status::unimplemented("no leases here"))?;
        Ok(Response::new(RenewLeaseResponse {
            lease: Some(lease.clone()),
            held: *is_held && lease.token == request.get_ref().token,
        }))
    }

    async fn release_lease(&self, request: Request<ReleaseLeaseRequest>) -> Answer<ReleaseLeaseResponse> {
        let mut memory = self.memory();
        let (lease, is_held) = memory
            .lease
            .as_mut()
            .ok_or_else(|| Status::unimplemented("no leases here"))?;
        *is_held = *is_held && lease.token != request.get_ref().token;
        Ok(Response::new(ReleaseLeaseResponse {}))
    }

    async fn get_lease(&self, _: Request<GetLeaseRequest>) -> Answer<GetLeaseResponse> {
        Err(Status::unimplemented("not asked here"))
    }
}

#[tonic::async_trait]
impl SetStoreService for Others {
    async fn list_stored_sets(&self, request: Request<ListStoredSetsRequest>) -> Answer<ListStoredSetsResponse> {
        let (memory, after) = (self.memory(), request.get_ref().changed_after);
        let written = memory.written.iter().filter(|(_, revision)| **revision > after);
        Ok(Response::new(ListStoredSetsResponse {
            sets: written.filter_map(|(id, _)| memory.sets.get(id).cloned()).collect(),
            next_page_token: String::new(),
            // A storage begins with one.
            revision: memory.revision + 1,
            total: memory.sets.len() as u64,
        }))
    }

    async fn get_stored_set(&self, _: Request<GetStoredSetRequest>) -> Answer<GetStoredSetResponse> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn put_stored_set(&self, _: Request<PutStoredSetRequest>) -> Answer<PutStoredSetResponse> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn put_stored_sets(&self, _: Request<PutStoredSetsRequest>) -> Answer<PutStoredSetsResponse> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn delete_stored_set(&self, _: Request<DeleteStoredSetRequest>) -> Answer<DeleteStoredSetResponse> {
        Err(Status::unimplemented("not asked here"))
    }
}

#[tonic::async_trait]
impl SetService for Others {
    async fn list_sets(&self, _: Request<ListSetsRequest>) -> Answer<ListSetsResponse> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn get_set(&self, request: Request<GetSetRequest>) -> Answer<GetSetResponse> {
        let set = self.memory().sets.get(&request.get_ref().set).cloned();
        let set = set.ok_or_else(|| Status::not_found("no set"))?;
        Ok(Response::new(GetSetResponse { set: Some(set) }))
    }

    async fn create_set(&self, request: Request<CreateSetRequest>) -> Answer<CreateSetResponse> {
        let claimant = Claimant::of(request.extensions());
        let mut set = request.into_inner().set.unwrap();
        let mut memory = self.write()?;
        if memory.sets.values().any(|stored| stored.name == set.name) {
            return Err(Status::already_exists("the name is taken"));
        }
        set.owner = claimant.owner_of(&set.owner);
        set.id = format!("set-{}", memory.sets.len());
        set.version = 1;
        memory.put(&set, claimant.name);
        Ok(Response::new(CreateSetResponse {
            set: Some(set),
            warnings: Vec::new(),
        }))
    }

    async fn update_set(&self, request: Request<UpdateSetRequest>) -> Answer<UpdateSetResponse> {
        let claimant = Claimant::of(request.extensions());
        let mut set = request.into_inner().set.unwrap();
        let mut memory = self.write()?;
        assert_eq!(memory.sets[&set.id].version, set.version);
        set.version += 1;
        memory.put(&set, claimant.name);
        Ok(Response::new(UpdateSetResponse {
            set: Some(set),
            warnings: Vec::new(),
        }))
    }

    async fn delete_set(&self, request: Request<DeleteSetRequest>) -> Answer<DeleteSetResponse> {
        let mut memory = self.write()?;
        memory.sets.remove(&request.get_ref().id).unwrap();
        memory.revision += 1;
        Ok(Response::new(DeleteSetResponse {}))
    }

    async fn duplicate_set(&self, _: Request<DuplicateSetRequest>) -> Answer<DuplicateSetResponse> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn validate_set(&self, _: Request<ValidateSetRequest>) -> Answer<ValidateSetResponse> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn apply_sets(&self, _: Request<Streaming<ApplySetsRequest>>) -> Answer<ApplySetsResponse> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn suggest_range(&self, _: Request<SuggestRangeRequest>) -> Answer<SuggestRangeResponse> {
        Err(Status::unimplemented("not asked here"))
    }
}

/// A running role. Ends with its value.
pub(crate) struct Scene {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) others: Others,
    pub(crate) samples: Arc<KeptSamples>,
    pub(crate) metrics: Metrics,
    /// Calls without a user.
    pub(crate) peer: Peer,
    role: WeatherService,
    shutdown: Shutdown,
    _late: sla_proto::LateRoutes,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

impl Scene {
    /// A role that finds what `others` have stored.
    pub(crate) fn start(options: WeatherOptions, others: Others) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        Self::at(clock, options, others)
    }

    pub(crate) fn at(clock: Arc<ManualClock>, options: WeatherOptions, others: Others) -> Self {
        let samples = Arc::new(KeptSamples::new(SourceId(SOURCE.to_owned()), clock.clone(), ABOUT));
        let (peer, late) = Peer::late();
        let (shutdown, metrics) = (Shutdown::new(), Metrics::default());
        let parts = Parts {
            peer: peer.clone(),
            clock: clock.clone(),
            pool: CpuPool::new(1),
            shutdown: shutdown.clone(),
            metrics: metrics.clone(),
        };
        let options = WeatherOptions {
            gap: Some(Duration::ZERO),
            ..options
        };
        let role = WeatherService::start(&options, samples.clone(), &parts).unwrap();
        let routes = tonic::service::Routes::new(SetServiceServer::new(others.clone()))
            .add_service(StateStoreServiceServer::new(others.clone()))
            .add_service(SetStoreServiceServer::new(others.clone()))
            .add_service(LeaseStoreServiceServer::new(others.clone()));
        let routes = role.routes(routes);
        late.fill(sla_runtime::server::local(routes, &GuardLayer::default()));
        Self {
            clock,
            others,
            samples,
            metrics,
            peer,
            role,
            shutdown,
            _late: late,
        }
    }

    /// An orderly end.
    pub(crate) async fn end(self) {
        self.shutdown.begin();
        self.role.close().await;
    }

    /// Calls of a user, as a door would have let them in.
    pub(crate) fn user(&self, name: &str, rank: sla_proto::peer::Rank) -> Peer {
        let caller = Caller {
            user: name.to_owned(),
            way: Way::Socket,
            known: Some(Known {
                user_id: name.to_owned(),
                user: name.to_owned(),
                rank,
                session_id: String::new(),
            }),
            end: sla_runtime::caller::End::Unknown,
        };
        let routes = self.role.routes(tonic::service::Routes::default());
        let routes = tower::ServiceBuilder::new()
            .map_request(move |mut request: http::Request<tonic::body::Body>| {
                request.extensions_mut().insert(caller.clone());
                request
            })
            .service(routes);
        Peer::local(routes)
    }
}
