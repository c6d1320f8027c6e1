//! Subscriptions are kept as sets by the role `sla`, on behalf of whoever subscribes. The rules of who may see and change what are
//! those of sets.

use std::collections::BTreeMap;
use std::sync::Arc;

use sla_domain::SafeText;
use sla_proto::Peer;
use sla_proto::objective::v1::SlaSet;
use sla_proto::peer::{Claims, Rank};
use sla_proto::set::v1::{CreateSetRequest, DeleteSetRequest, GetSetRequest, UpdateSetRequest};
use sla_proto::stored_sets::{SetsById, StoredSets};
use sla_proto::violation::v1::ListFutureViolationsRequest;
use sla_proto::weather::v1 as pb;
use sla_runtime::ownership::Claimant;
use sla_runtime::page;
use tokio::sync::Mutex;
use tonic::Code;

use crate::desk::Desk;
use crate::error::WeatherError;
use crate::options::SOURCE;
use crate::place::Place;
use crate::subscription;

/// Objectives of which is told what is expected, at most.
const MAX_OUTLOOKS: u32 = 2_000;

/// Limits that can be agreed on; none given are refused like empty ones.
fn checked(limits: Option<pb::Limits>) -> Result<pb::Limits, WeatherError> {
    let limits = limits.unwrap_or_default();
    let problems = subscription::problems(&limits);
    if problems.is_empty() {
        Ok(limits)
    } else {
        Err(WeatherError::Invalid(problems))
    }
}

/// What others see is made and changed by editors; one's own, whoever one is.
fn check_sight(shared: bool, claimant: &Claimant) -> Result<(), WeatherError> {
    if shared && !claimant.is_at_least(Rank::Editor) {
        return Err(WeatherError::NotPrivate);
    }
    Ok(())
}

/// A set, and the city that it is a subscription to.
#[derive(Debug)]
struct Watching {
    set: SlaSet,
    city_key: Option<String>,
}

impl Watching {
    fn new(set: SlaSet) -> Self {
        Self {
            city_key: subscription::city_key(&set),
            set,
        }
    }

    fn is_seen_by(&self, claimant: &Claimant) -> bool {
        claimant.sees(&self.set.owner, self.set.private)
    }

    /// Where it stands in a list by name.
    fn place(&self) -> (String, &str) {
        (self.set.name.to_lowercase(), &self.set.id)
    }
}

/// What pages of subscriptions belong to.
const PAGES: &str = "subscriptions";

/// The way to the sets. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Subscriptions {
    desk: Arc<Desk>,
    stored: Arc<Mutex<StoredSets<Watching>>>,
}

impl Subscriptions {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self {
            desk,
            stored: Arc::new(Mutex::new(StoredSets::new(Watching::new))),
        }
    }

    /// The other roles, on behalf of `claimant`.
    fn for_user(&self, claimant: &Claimant) -> Peer {
        let claims = Claims::default().on_behalf_of(&claimant.name);
        self.desk.parts.peer.clone().claiming(claims)
    }

    /// All sets, whoever they belong to.
    async fn sets(&self) -> Result<Arc<SetsById<Watching>>, WeatherError> {
        let mut stored = self.stored.lock().await;
        let refreshed = stored.refresh(&self.desk.parts.peer).await;
        refreshed.map_err(WeatherError::upstream("reading the sets"))?;
        Ok(stored.by_id().clone())
    }

    /// All subscriptions, whoever they belong to.
    async fn all(&self) -> Result<Vec<Arc<Watching>>, WeatherError> {
        let sets = self.sets().await?;
        Ok(sets.values().filter(|one| one.city_key.is_some()).cloned().collect())
    }

    /// How many subscriptions each city has, by its key.
    pub(crate) async fn counts(&self) -> Result<BTreeMap<String, u32>, WeatherError> {
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for one in self.all().await? {
            let Some(key) = &one.city_key else { continue };
            match counts.get_mut(key) {
                Some(count) => *count += 1,
                None => drop(counts.insert(key.clone(), 1)),
            }
        }
        Ok(counts)
    }

    /// What is expected of what `claimant` sees, by the key of the city: what breaks first before others.
    pub(crate) async fn outlooks(
        &self,
        claimant: &Claimant,
    ) -> Result<BTreeMap<String, Vec<pb::CityOutlook>>, WeatherError> {
        let request = ListFutureViolationsRequest {
            source: SOURCE.to_owned(),
            brief: true,
            max_rows: MAX_OUTLOOKS,
            ..ListFutureViolationsRequest::default()
        };
        let answer = self.desk.parts.peer.violations().list_future_violations(request).await;
        let answer = answer.map_err(WeatherError::upstream("reading what is expected"))?;
        // A role is told of every set, whoever it asks for.
        let sets = self.sets().await?;
        let seen = |id: &str| sets.get(id).is_some_and(|set| set.is_seen_by(claimant));
        let mut found: BTreeMap<String, Vec<pb::CityOutlook>> = BTreeMap::new();
        for row in answer.into_inner().rows.into_iter().filter(|row| seen(&row.set_id)) {
            let objective = row.objective.unwrap_or_default();
            if let Some(key) = subscription::place_of(&objective) {
                found.entry(key).or_default().push(pb::CityOutlook {
                    set_id: row.set_id,
                    objective: objective.name,
                    outlook: row.series.and_then(|series| series.outlook),
                });
            }
        }
        Ok(found)
    }

    /// A set as a subscription; a city that is not polled has its coordinates alone.
    async fn told(&self, set: &SlaSet) -> Result<Option<pb::Subscription>, WeatherError> {
        let book = self.desk.book().await?;
        Ok(subscription::of_set(set, |key| {
            let city = book.slot_of(key).and_then(|slot| book.cities.get(&slot));
            city.map_or_else(
                || pb::City {
                    key: key.to_owned(),
                    name: key.to_owned(),
                    ..pb::City::default()
                },
                |city| city.place.message(),
            )
        }))
    }

    async fn answer(&self, set: Option<SlaSet>) -> Result<pb::Subscription, WeatherError> {
        let set = set.unwrap_or_default();
        let told = self.told(&set).await?;
        told.ok_or_else(|| WeatherError::not_found("subscription", &set.id))
    }

    /// A page of those that `claimant` may see, by name.
    pub(crate) async fn list(
        &self,
        request: &pb::ListSubscriptionsRequest,
        claimant: &Claimant,
    ) -> Result<pb::ListSubscriptionsResponse, WeatherError> {
        let after = page::Token::decode(&request.page_token, PAGES);
        let after = after.map_err(|refused| WeatherError::upstream("reading the page")(refused.status()))?;
        let mut seen = self.all().await?;
        seen.retain(|one| one.is_seen_by(claimant));
        seen.sort_by_cached_key(|one| {
            let (name, id) = one.place();
            (name, id.to_owned())
        });
        let after = after.as_deref().and_then(|key| key.rsplit_once('\n'));
        let from = after.map_or(0, |(name, id)| {
            seen.partition_point(|one| one.place() <= (name.to_owned(), id))
        });
        let size = page::size(request.page_size);
        let mut subscriptions = Vec::new();
        for one in seen[from..].iter().take(size) {
            subscriptions.extend(self.told(&one.set).await?);
        }
        let last = seen.get(from + size - 1).filter(|_| from + size < seen.len());
        let next_page_token = last.map_or_else(String::new, |one| {
            let (name, id) = one.place();
            page::Token::encode(PAGES, &format!("{name}\n{id}"))
        });
        Ok(pb::ListSubscriptionsResponse {
            subscriptions,
            next_page_token,
            total: seen.len() as u64,
        })
    }

    /// Makes a set. A city that was added for it goes again when the set cannot be saved.
    pub(crate) async fn subscribe(
        &self,
        request: &pb::SubscribeRequest,
        claimant: &Claimant,
    ) -> Result<pb::Subscription, WeatherError> {
        let limits = checked(request.limits)?;
        check_sight(request.shared, claimant)?;
        let (place, is_new) = self.desk.add(&request.city, false, claimant).await?;
        let created = self.create(&place, &limits, request.shared, claimant).await;
        if created.is_err() && is_new {
            self.drop_unwatched(&place.key()).await;
        }
        self.answer(created?).await
    }

    async fn create(
        &self,
        place: &Place,
        limits: &pb::Limits,
        shared: bool,
        claimant: &Claimant,
    ) -> Result<Option<SlaSet>, WeatherError> {
        let owner = claimant.owner_of("");
        let round_ms = {
            let book = self.desk.book().await?;
            let city = book.slot_of(&place.key()).and_then(|slot| book.cities.get(&slot));
            // Without a series there is nothing that could be agreed.
            if city.is_none_or(|city| city.readings.is_empty()) {
                return Err(WeatherError::NoReading(place.full_name()));
            }
            book.rounds.round_ms()
        };
        let set = SlaSet {
            name: subscription::name(place, &owner),
            description: "A subscription to the weather.".to_owned(),
            objectives: subscription::objectives(place, limits, round_ms),
            active: true,
            private: !shared && !owner.is_empty(),
            owner,
            ..SlaSet::default()
        };
        let request = CreateSetRequest { set: Some(set) };
        match self.for_user(claimant).sets().create_set(request).await {
            Ok(answer) => Ok(answer.into_inner().set),
            Err(status) if status.code() == Code::AlreadyExists => {
                Err(WeatherError::Subscribed(SafeText::new(&place.full_name())))
            }
            Err(status) => Err(WeatherError::upstream("saving the set")(status)),
        }
    }

    /// The stored set of a subscription that `claimant` may change, read at `version` or whenever.
    async fn changeable(&self, id: &str, version: u64, claimant: &Claimant) -> Result<(SlaSet, String), WeatherError> {
        let not_found = || WeatherError::not_found("subscription", id);
        if id.is_empty() {
            return Err(not_found());
        }
        let request = GetSetRequest { set: id.to_owned() };
        let set = match self.desk.parts.peer.sets().get_set(request).await {
            Ok(answer) => answer.into_inner().set.unwrap_or_default(),
            Err(status) if status.code() == Code::NotFound => return Err(not_found()),
            Err(status) => return Err(WeatherError::upstream("reading the set")(status)),
        };
        let key = subscription::city_key(&set).filter(|_| claimant.sees(&set.owner, set.private));
        let key = key.ok_or_else(not_found)?;
        if !claimant.may_change(&set.owner, set.private) {
            return Err(WeatherError::NotYours {
                name: SafeText::new(&set.name),
                owner: SafeText::new(&set.owner),
            });
        }
        check_sight(!set.private, claimant)?;
        if ![0, set.version].contains(&version) {
            return Err(WeatherError::Stale {
                read: version,
                stored: set.version,
            });
        }
        Ok((set, key))
    }

    /// Replaces limits, pauses, shows or hides.
    pub(crate) async fn update(
        &self,
        request: &pb::UpdateSubscriptionRequest,
        claimant: &Claimant,
    ) -> Result<pb::Subscription, WeatherError> {
        let limits = checked(request.limits)?;
        check_sight(request.shared.unwrap_or(false), claimant)?;
        let (stored, key) = self.changeable(&request.id, request.version, claimant).await?;
        let mut wanted = {
            let book = self.desk.book().await?;
            let city = book.slot_of(&key).and_then(|slot| book.cities.get(&slot));
            let city = city.ok_or_else(|| WeatherError::not_found("city", &key))?;
            subscription::with_limits(&stored, &city.place, &limits, book.rounds.round_ms())
        };
        wanted.active = request.active.unwrap_or(stored.active);
        if let Some(shared) = request.shared {
            wanted.private = !shared && !stored.owner.is_empty();
        }
        let request = UpdateSetRequest { set: Some(wanted) };
        let saved = self.for_user(claimant).sets().update_set(request).await;
        let saved = saved.map_err(WeatherError::upstream("saving the set"))?;
        self.answer(saved.into_inner().set).await
    }

    /// Deletes a set, and the city when nobody else watches it.
    pub(crate) async fn unsubscribe(
        &self,
        request: &pb::UnsubscribeRequest,
        claimant: &Claimant,
    ) -> Result<(), WeatherError> {
        let (stored, key) = self.changeable(&request.id, request.version, claimant).await?;
        let request = DeleteSetRequest {
            id: stored.id,
            version: stored.version,
        };
        let deleted = self.for_user(claimant).sets().delete_set(request).await;
        deleted.map_err(WeatherError::upstream("deleting the set"))?;
        self.drop_unwatched(&key).await;
        Ok(())
    }

    /// Polls a city no longer that nobody watches; what fails here is done by the next sweep.
    async fn drop_unwatched(&self, key: &str) {
        let outcome = async {
            let counts = self.counts().await?;
            let slot = {
                let book = self.desk.book().await?;
                let slot = book.slot_of(key).filter(|_| !counts.contains_key(key));
                slot.filter(|slot| book.cities.get(slot).is_some_and(|city| !city.pinned))
            };
            match slot {
                Some(slot) => self.desk.remove(slot).await,
                None => Ok(()),
            }
        };
        if let Err(error) = outcome.await {
            let error = sla_runtime::status::chain(&error);
            tracing::warn!(city = key, error, "a city that nobody watches is still polled");
        }
    }

    /// Forgets all cities that nobody watches: their sets were deleted elsewhere.
    pub(crate) async fn sweep(&self) -> Result<(), WeatherError> {
        let counts = self.counts().await?;
        let unwatched: Vec<u32> = {
            let book = self.desk.book().await?;
            let idle = book
                .cities
                .iter()
                .filter(|(_, city)| !city.pinned && !counts.contains_key(&city.place.key()));
            idle.map(|(slot, _)| *slot).collect()
        };
        for slot in unwatched {
            self.desk.remove(slot).await?;
        }
        Ok(())
    }

    /// Polls a city no longer, when nobody has a subscription to it.
    pub(crate) async fn remove_city(&self, text: &str) -> Result<(), WeatherError> {
        let (slot, place) = {
            let book = self.desk.book().await?;
            let slot = book.find(text).ok_or_else(|| WeatherError::not_found("city", text))?;
            (slot, book.cities[&slot].place.clone())
        };
        if let Some(subscriptions) = self.counts().await?.get(&place.key()) {
            return Err(WeatherError::InUse {
                city: place.full_name(),
                subscriptions: *subscriptions as usize,
            });
        }
        self.desk.remove(slot).await
    }
}
