//! `sla.weather.v1.WeatherService`: messages in, messages out.

use std::collections::BTreeMap;
use std::sync::Arc;

use sla_proto::convert::{duration, timestamp};
use sla_proto::weather::v1 as pb;
use sla_proto::weather::v1::weather_service_server::WeatherService;
use sla_runtime::ownership::Claimant;
use tonic::{Request, Response, Status};

use crate::choice::Wanted;
use crate::desk::Desk;
use crate::error::{WeatherError, refuse};
use crate::options::MAX_CANDIDATES;
use crate::subscribing::Subscriptions;

/// The parts of the role.
#[derive(Clone)]
pub(crate) struct WeatherGrpc {
    pub(crate) desk: Arc<Desk>,
    pub(crate) subscriptions: Subscriptions,
}

impl WeatherGrpc {
    async fn search(
        &self,
        request: &pb::SearchCitiesRequest,
        claimant: &Claimant,
    ) -> Result<pb::SearchCitiesResponse, WeatherError> {
        let wanted = Wanted::read(&request.name)?;
        let found = self.desk.search(&wanted.name, claimant).await?;
        let fitting = found.iter().filter(|place| wanted.fits(place)).take(MAX_CANDIDATES);
        Ok(pb::SearchCitiesResponse {
            cities: fitting.map(crate::place::Place::message).collect(),
        })
    }

    async fn add(
        &self,
        request: &pb::AddCityRequest,
        claimant: &Claimant,
    ) -> Result<pb::AddCityResponse, WeatherError> {
        let (place, added) = self.desk.add(&request.city, true, claimant).await?;
        let counts = self.subscriptions.counts().await.unwrap_or_default();
        let now_ms = self.desk.now_ms();
        let book = self.desk.book().await?;
        let city = book.slot_of(&place.key()).and_then(|slot| {
            let (city, due_ms) = (book.cities.get(&slot)?, book.rounds.due_ms(slot, now_ms));
            let mut told = city.message(now_ms, book.rounds.round_ms(), due_ms, false);
            told.subscriptions = counts.get(&place.key()).copied().unwrap_or(0);
            Some(told)
        });
        Ok(pb::AddCityResponse { city, added })
    }

    async fn list(
        &self,
        request: &pb::ListCitiesRequest,
        claimant: &Claimant,
    ) -> Result<pb::ListCitiesResponse, WeatherError> {
        let mut outlooks = if request.outlooks {
            self.subscriptions.outlooks(claimant).await?
        } else {
            BTreeMap::new()
        };
        let counts = self.subscriptions.counts().await?;
        let now_ms = self.desk.now_ms();
        let book = self.desk.book().await?;
        let only = match request.city.as_str() {
            "" => None,
            text => Some(book.find(text).ok_or_else(|| WeatherError::not_found("city", text))?),
        };
        let shown = book
            .cities
            .iter()
            .filter(|(slot, _)| only.is_none_or(|only| only == **slot));
        let mut cities: Vec<pb::CityState> = shown
            .map(|(slot, city)| {
                let due_ms = book.rounds.due_ms(*slot, now_ms);
                let mut told = city.message(now_ms, book.rounds.round_ms(), due_ms, request.forecast);
                told.subscriptions = counts.get(&city.place.key()).copied().unwrap_or(0);
                told.outlooks = outlooks.remove(&city.place.key()).unwrap_or_default();
                told
            })
            .collect();
        cities.sort_by_cached_key(|state| {
            let city = state.city.as_ref();
            city.map(|city| (city.name.to_lowercase(), city.region.clone(), city.key.clone()))
        });
        let round_ms = book.rounds.round_ms();
        drop(book);
        Ok(pb::ListCitiesResponse {
            cities,
            provider: Some(self.provider(now_ms, round_ms)),
        })
    }

    fn provider(&self, now_ms: i64, round_ms: i64) -> pb::ProviderStatus {
        let parts = &self.desk.parts;
        let (used, quota) = parts.pace.used(now_ms);
        let pause = parts.pace.pause(now_ms);
        pb::ProviderStatus {
            name: parts.kind.word().to_owned(),
            attribution: parts.kind.attribution().to_owned(),
            round: Some(duration(round_ms)),
            calls_today: used,
            daily_quota: quota,
            paused_until: pause.as_ref().map(|pause| timestamp(pause.until_ms)),
            pause: pause.map(|pause| pause.why).unwrap_or_default(),
        }
    }
}

/// An answer, or the status of an error.
fn answer<T>(rpc: &'static str, result: Result<T, WeatherError>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(|error| refuse(rpc, &error))
}

#[tonic::async_trait]
impl WeatherService for WeatherGrpc {
    async fn search_cities(
        &self,
        request: Request<pb::SearchCitiesRequest>,
    ) -> Result<Response<pb::SearchCitiesResponse>, Status> {
        let claimant = Claimant::of(request.extensions());
        answer("SearchCities", self.search(request.get_ref(), &claimant).await)
    }

    async fn add_city(&self, request: Request<pb::AddCityRequest>) -> Result<Response<pb::AddCityResponse>, Status> {
        let claimant = Claimant::of(request.extensions());
        answer("AddCity", self.add(request.get_ref(), &claimant).await)
    }

    async fn remove_city(
        &self,
        request: Request<pb::RemoveCityRequest>,
    ) -> Result<Response<pb::RemoveCityResponse>, Status> {
        let removed = self.subscriptions.remove_city(&request.get_ref().city).await;
        answer("RemoveCity", removed.map(|()| pb::RemoveCityResponse {}))
    }

    async fn list_cities(
        &self,
        request: Request<pb::ListCitiesRequest>,
    ) -> Result<Response<pb::ListCitiesResponse>, Status> {
        let claimant = Claimant::of(request.extensions());
        answer("ListCities", self.list(request.get_ref(), &claimant).await)
    }

    async fn subscribe(
        &self,
        request: Request<pb::SubscribeRequest>,
    ) -> Result<Response<pb::SubscribeResponse>, Status> {
        let claimant = Claimant::of(request.extensions());
        let made = self.subscriptions.subscribe(request.get_ref(), &claimant).await;
        let subscription = made.map(Some);
        answer(
            "Subscribe",
            subscription.map(|subscription| pb::SubscribeResponse { subscription }),
        )
    }

    async fn list_subscriptions(
        &self,
        request: Request<pb::ListSubscriptionsRequest>,
    ) -> Result<Response<pb::ListSubscriptionsResponse>, Status> {
        let claimant = Claimant::of(request.extensions());
        answer(
            "ListSubscriptions",
            self.subscriptions.list(request.get_ref(), &claimant).await,
        )
    }

    async fn update_subscription(
        &self,
        request: Request<pb::UpdateSubscriptionRequest>,
    ) -> Result<Response<pb::UpdateSubscriptionResponse>, Status> {
        let claimant = Claimant::of(request.extensions());
        let changed = self.subscriptions.update(request.get_ref(), &claimant).await.map(Some);
        answer(
            "UpdateSubscription",
            changed.map(|subscription| pb::UpdateSubscriptionResponse { subscription }),
        )
    }

    async fn unsubscribe(
        &self,
        request: Request<pb::UnsubscribeRequest>,
    ) -> Result<Response<pb::UnsubscribeResponse>, Status> {
        let claimant = Claimant::of(request.extensions());
        let gone = self.subscriptions.unsubscribe(request.get_ref(), &claimant).await;
        answer("Unsubscribe", gone.map(|()| pb::UnsubscribeResponse {}))
    }
}
