//! What is answered where the role does not run: what to do about it.

use sla_proto::weather::v1 as pb;
use sla_proto::weather::v1::weather_service_server::{WeatherService, WeatherServiceServer};
use sla_runtime::{Problem, reason};
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};

/// Adds a service that refuses every call with a word on how to switch the role on.
pub fn absent(routes: Routes) -> Routes {
    routes.add_service(WeatherServiceServer::new(Absent))
}

#[derive(Debug, Clone, Copy)]
struct Absent;

fn refused<T>() -> Result<Response<T>, Status> {
    let words = "the weather of cities is not watched by this instance";
    Err(Problem::new(Code::FailedPrecondition, reason::WRONG_STATE, words)
        .hint("set `provider = \"open-meteo\"` below [weather] in its configuration, and start it again")
        .status())
}

#[tonic::async_trait]
impl WeatherService for Absent {
    async fn search_cities(
        &self,
        _: Request<pb::SearchCitiesRequest>,
    ) -> Result<Response<pb::SearchCitiesResponse>, Status> {
        refused()
    }

    async fn add_city(&self, _: Request<pb::AddCityRequest>) -> Result<Response<pb::AddCityResponse>, Status> {
        refused()
    }

    async fn remove_city(&self, _: Request<pb::RemoveCityRequest>) -> Result<Response<pb::RemoveCityResponse>, Status> {
        refused()
    }

    async fn list_cities(&self, _: Request<pb::ListCitiesRequest>) -> Result<Response<pb::ListCitiesResponse>, Status> {
        refused()
    }

    async fn subscribe(&self, _: Request<pb::SubscribeRequest>) -> Result<Response<pb::SubscribeResponse>, Status> {
        refused()
    }

    async fn list_subscriptions(
        &self,
        _: Request<pb::ListSubscriptionsRequest>,
    ) -> Result<Response<pb::ListSubscriptionsResponse>, Status> {
        refused()
    }

    async fn update_subscription(
        &self,
        _: Request<pb::UpdateSubscriptionRequest>,
    ) -> Result<Response<pb::UpdateSubscriptionResponse>, Status> {
        refused()
    }

    async fn unsubscribe(
        &self,
        _: Request<pb::UnsubscribeRequest>,
    ) -> Result<Response<pb::UnsubscribeResponse>, Status> {
        refused()
    }
}
