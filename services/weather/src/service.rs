//! The role and its parts.

use std::sync::Arc;

use sla_proto::weather::v1::weather_service_server::WeatherServiceServer;
use sla_runtime::mandate::{Mandate, give_up, hold};
use sla_runtime::status::chain;
use sla_runtime::{Parts, Role};
use sla_source::KeptSamples;
use tonic::Request;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;

use crate::desk::{Desk, DeskParts};
use crate::grpc::WeatherGrpc;
use crate::options::WeatherOptions;
use crate::pace::Pace;
use crate::subscribing::Subscriptions;
use crate::{metrics, polling, provider};

/// Requests are small.
const MAX_MESSAGE_BYTES: usize = 64 << 10;

/// Why the role could not start.
#[derive(Debug, thiserror::Error)]
#[error("the role weather cannot start: {0}")]
pub struct StartError(String);

/// The running role. Cheap to clone.
#[derive(Clone)]
pub struct WeatherService {
    grpc: WeatherGrpc,
    mandate: Arc<Mandate>,
}

impl WeatherService {
    /// Starts to poll the cities that are stored, or, while another process does so, to read what it stores; either way what they
    /// say goes to `samples`, which a role etl of this process reads as the source [`crate::SOURCE`].
    ///
    /// # Errors
    /// For an address that is none.
    pub fn start(options: &WeatherOptions, samples: Arc<KeptSamples>, parts: &Parts) -> Result<Self, StartError> {
        let quota = options.quota();
        let gap = options.gap.unwrap_or_else(|| options.provider.gap());
        let pace = Arc::new(Pace::new(quota, gap));
        let provider = provider::provider(options, &pace, &parts.clock);
        let provider = provider.map_err(|error| StartError(chain(&error)))?;
        let desk = DeskParts {
            kind: options.provider,
            quota,
            provider,
            pace,
            samples,
            peer: parts.peer.clone(),
            clock: parts.clock.clone(),
        };
        Ok(Self::at(desk, parts))
    }

    /// The same below a sky that a test makes.
    #[cfg(feature = "test-support")]
    pub fn under(sky: Arc<dyn crate::sky::Sky>, samples: Arc<KeptSamples>, parts: &Parts) -> Self {
        let kind = crate::options::ProviderKind::OpenMeteo;
        let pace = Arc::new(Pace::new(kind.daily_quota(), kind.gap()));
        let desk = DeskParts {
            kind,
            quota: kind.daily_quota(),
            provider: Arc::new(crate::sky::UnderSky {
                sky,
                pace: pace.clone(),
                clock: parts.clock.clone(),
            }),
            pace,
            samples,
            peer: parts.peer.clone(),
            clock: parts.clock.clone(),
        };
        Self::at(desk, parts)
    }

    fn at(desk: DeskParts, parts: &Parts) -> Self {
        let desk = Arc::new(Desk::new(desk));
        metrics::register(&parts.metrics, &desk);
        let subscriptions = Subscriptions::new(desk.clone());
        let mandate = Arc::new(Mandate::of(sla_proto::lease::WEATHER));
        let holding = hold(mandate.clone(), parts.peer.clone(), parts.shutdown.token().clone());
        parts.shutdown.spawn("weather lease", holding);
        let polling = polling::run(
            desk.clone(),
            subscriptions.clone(),
            mandate.clone(),
            parts.shutdown.clone(),
        );
        parts.shutdown.spawn("weather", polling);
        Self {
            grpc: WeatherGrpc { desk, subscriptions },
            mandate,
        }
    }
}

#[tonic::async_trait]
impl Role for WeatherService {
    fn name(&self) -> &'static str {
        "weather"
    }

    fn routes(&self, routes: Routes) -> Routes {
        let service = WeatherServiceServer::new(self.grpc.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let mandate = self.mandate.clone();
        let polls = move |request: Request<()>| mandate.refuse_standby().map(|()| request);
        routes.add_service(InterceptedService::new(service, polls))
    }

    async fn close(&self) {
        give_up(&self.mandate, &self.grpc.desk.parts.peer).await;
    }
}
