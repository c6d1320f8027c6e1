//! An instance in this process, with its doors, on a clock that the test moves.

use std::path::PathBuf;
use std::sync::Arc;

use sla_domain::{Clock as _, ManualClock, SystemClock};
use sla_launcher::config::Config;
use sla_launcher::instance::{self, Demo, Paths, Roles, Running, Serve, Wiring};
use sla_proto::account::v1::{AddUserRequest, CreateTokenRequest, LoginRequest, LoginResponse};
use sla_proto::peer::{Bearer, Rank, Trust};
use sla_proto::{LateRoutes, Peer};
use sla_runtime::server::{Audience, Connections, Cover, TcpDoor, UnixDoor};
use sla_runtime::shutdown::Shutdown;
use tonic::Status;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// The instance. The user of this test is its admin `ada`, once [`House::with_admin`] was called.
pub(crate) struct House {
    _folder: tempfile::TempDir,
    _late: LateRoutes,
    _running: Running,
    pub(crate) local: Peer,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) socket: PathBuf,
    pub(crate) address: String,
    pub(crate) shutdown: Shutdown,
}

impl House {
    /// Without any user. `toml` is its configuration.
    pub(crate) async fn empty(toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::inside(folder.path());
        let now_ms = SystemClock.now_ms();
        let run = Serve {
            demo: Some(Demo {
                folder: folder.path().to_owned(),
                frozen_ms: Some(now_ms),
                step_ms: 15_000,
            }),
            ..Serve::default()
        };
        let shutdown = Shutdown::new();
        let clock = Arc::new(ManualClock::at(now_ms));
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
        let tcp = TcpDoor::bind("127.0.0.1:0".parse().unwrap(), Cover::Host)
            .await
            .unwrap();
        let address = format!("http://{}", tcp.address);
        let served = unix.serve(routes.clone(), guard.clone(), Connections::default(), shutdown.clone());
        shutdown.spawn("unix", async move { served.await.unwrap() });
        let served = tcp.serve(routes, guard, Connections::default(), shutdown.clone());
        shutdown.spawn("tcp", async move { served.await.unwrap() });
        Self {
            _folder: folder,
            _late: late,
            _running: running,
            local,
            clock,
            socket: paths.socket,
            address,
            shutdown,
        }
    }

    /// With `ada`, an admin by the uid of this test.
    pub(crate) async fn with_admin(toml: &str) -> Self {
        let house = Self::empty(toml).await;
        let request = AddUserRequest {
            name: "ada".to_owned(),
            password: PASSWORD.to_owned(),
            ..AddUserRequest::default()
        };
        let added = house
            .ada()
            .await
            .account()
            .add_user(request)
            .await
            .unwrap()
            .into_inner();
        assert!(added.first);
        house
    }

    /// Over the Unix socket, as the user of this test.
    pub(crate) async fn ada(&self) -> Peer {
        Peer::connect_unix(&self.socket).await.unwrap()
    }

    /// Over TCP, with this token or as a stranger.
    pub(crate) async fn over_tcp(&self, token: Option<&str>) -> Peer {
        let bearer = token.map_or_else(Bearer::default, Bearer::holding);
        Peer::connect_tcp(&self.address, &Trust::default())
            .await
            .unwrap()
            .bearing(bearer)
    }

    /// Adds a user who logs in with [`PASSWORD`].
    pub(crate) async fn add(&self, name: &str, rank: Rank) {
        let request = AddUserRequest {
            name: name.to_owned(),
            rank: rank.message().into(),
            password: PASSWORD.to_owned(),
            ..AddUserRequest::default()
        };
        let added = self.ada().await.account().add_user(request).await.unwrap();
        assert!(!added.into_inner().first);
    }

    /// Logs in over TCP.
    pub(crate) async fn log_in(&self, name: &str, password: &str) -> Result<LoginResponse, Status> {
        let request = LoginRequest {
            name: name.to_owned(),
            password: password.to_owned(),
            client: "test".to_owned(),
        };
        let answer = self.over_tcp(None).await.account().login(request).await;
        answer.map(tonic::Response::into_inner)
    }

    /// A service token of ada with this rank.
    pub(crate) async fn token(&self, rank: Rank) -> String {
        let request = CreateTokenRequest {
            name: format!("as {}", rank.word()),
            rank: rank.message().into(),
            lifetime: None,
        };
        self.ada()
            .await
            .account()
            .create_token(request)
            .await
            .unwrap()
            .into_inner()
            .token
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}
