//! `sla weather`.

mod told;

use color_eyre::eyre::Report;
use serde_json::json;
use sla_domain::SafeText;
use sla_proto::weather::v1::{
    AddCityRequest, Limits, ListCitiesRequest, RemoveCityRequest, SearchCitiesRequest, SubscribeRequest, Subscription,
    UnsubscribeRequest, UpdateSubscriptionRequest,
};
use sla_proto::{Peer, lists};

use super::{Session, table};
use crate::cli::{ChangeArgs, LimitArgs, WeatherAction, WeatherArgs};
use crate::exit::{Exit, Failure};
use crate::output;

/// Cities and subscriptions.
pub(crate) async fn weather(session: &Session, arguments: WeatherArgs) -> Result<Exit, Report> {
    let peer = session.peer().await?;
    let action = arguments.action.unwrap_or(WeatherAction::Cities {
        city: None,
        forecast: false,
    });
    match action {
        WeatherAction::Cities { city, forecast } => cities(session, &peer, city.unwrap_or_default(), forecast).await?,
        WeatherAction::Search { name } => search(session, &peer, name).await?,
        WeatherAction::Add { city } => {
            let answer = peer.weather().add_city(AddCityRequest { city }).await?.into_inner();
            let state = answer.city.unwrap_or_default();
            if session.global.json {
                output::print_json(&json!({ "city": told::state_json(&state), "added": answer.added }));
            } else {
                let verb = if answer.added {
                    "is polled from now on"
                } else {
                    "was polled already"
                };
                output::print(&format!(
                    "{} {verb}: {}",
                    told::city(state.city.as_ref()),
                    told::now(&state)
                ));
            }
        }
        WeatherAction::Remove { city } => {
            let words = format!("{} is polled no longer", SafeText::new(&city));
            peer.weather().remove_city(RemoveCityRequest { city }).await?;
            output::print(&words);
        }
        WeatherAction::Subscribe { city, limits, shared } => {
            let request = SubscribeRequest {
                city,
                limits: Some(asked(limits)),
                shared,
            };
            let answer = peer.weather().subscribe(request).await?.into_inner();
            print_one(session, &answer.subscription.unwrap_or_default());
        }
        WeatherAction::Subscriptions => subscriptions(session, &peer).await?,
        WeatherAction::Change(arguments) => change(session, &peer, &arguments).await?,
        WeatherAction::Unsubscribe { id } => {
            let words = format!("{} is deleted", SafeText::new(&id));
            peer.weather()
                .unsubscribe(UnsubscribeRequest { id, version: 0 })
                .await?;
            output::print(&words);
        }
    }
    Ok(Exit::OK)
}

fn asked(limits: LimitArgs) -> Limits {
    Limits {
        t_min: limits.t_min,
        t_max: limits.t_max,
        rain: limits.rain,
        snow: limits.snow,
    }
}

async fn cities(session: &Session, peer: &Peer, city: String, forecast: bool) -> Result<(), Report> {
    let answer = peer
        .weather()
        .list_cities(ListCitiesRequest {
            city,
            forecast,
            outlooks: forecast,
        })
        .await?
        .into_inner();
    let provider = answer.provider.unwrap_or_default();
    if session.global.json {
        let cities: Vec<_> = answer.cities.iter().map(told::state_json).collect();
        output::print_json(&json!({ "cities": cities, "provider": told::provider_json(&provider) }));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = answer.cities.iter().map(told::state_row).collect();
    output::print(table::table(&told::STATE_HEAD, &rows).trim_end());
    for state in answer.cities.iter().filter(|_| forecast) {
        let city = told::city(state.city.as_ref());
        output::print(&format!("\nExpected in {city} by the provider, not measured:"));
        let rows: Vec<Vec<String>> = state.forecast.iter().map(told::expected_row).collect();
        output::print(table::table(&told::EXPECTED_HEAD, &rows).trim_end());
        if !state.outlooks.is_empty() {
            output::print("\nThat what is agreed there is left, by us and by the provider:");
            let rows: Vec<Vec<String>> = state.outlooks.iter().map(told::outlook_row).collect();
            output::print(table::table(&told::OUTLOOK_HEAD, &rows).trim_end());
        }
    }
    output::remark(&told::provider(&provider));
    Ok(())
}

async fn search(session: &Session, peer: &Peer, name: String) -> Result<(), Report> {
    let found = peer.weather().search_cities(SearchCitiesRequest { name }).await?;
    let cities = found.into_inner().cities;
    if session.global.json {
        let cities: Vec<_> = cities.iter().map(told::city_json).collect();
        output::print_json(&json!({ "cities": cities }));
        return Ok(());
    }
    let row = |city| vec![told::city(Some(city)), city.key.clone()];
    let rows: Vec<Vec<String>> = cities.iter().map(row).collect();
    output::print(table::table(&["CITY", "LAT,LON"], &rows).trim_end());
    Ok(())
}

async fn listed(peer: &Peer) -> Result<Vec<Subscription>, Report> {
    Ok(lists::subscriptions(peer).await?)
}

async fn subscriptions(session: &Session, peer: &Peer) -> Result<(), Report> {
    let all = listed(peer).await?;
    if session.global.json {
        let all: Vec<_> = all.iter().map(told::subscription_json).collect();
        output::print_json(&json!({ "subscriptions": all }));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = all.iter().map(told::subscription_row).collect();
    output::print(table::table(&told::SUBSCRIPTION_HEAD, &rows).trim_end());
    Ok(())
}

async fn change(session: &Session, peer: &Peer, arguments: &ChangeArgs) -> Result<(), Report> {
    let all = listed(peer).await?;
    let stored = all.into_iter().find(|one| one.id == arguments.id).ok_or_else(|| {
        let words = format!(
            "there is no subscription {}: `sla weather subscriptions` lists them",
            SafeText::new(&arguments.id)
        );
        Failure::new(Exit::USAGE, words)
    })?;
    let old = stored.limits.unwrap_or_default();
    let given = arguments.limits;
    let limits = Limits {
        t_min: given.t_min.or(old.t_min.filter(|_| !arguments.no_t_min)),
        t_max: given.t_max.or(old.t_max.filter(|_| !arguments.no_t_max)),
        rain: given.rain || (old.rain && !arguments.no_rain),
        snow: given.snow || (old.snow && !arguments.no_snow),
    };
    let request = UpdateSubscriptionRequest {
        id: stored.id,
        version: stored.version,
        limits: Some(limits),
        active: (arguments.pause || arguments.resume).then_some(arguments.resume),
        shared: (arguments.shared || arguments.hidden).then_some(arguments.shared),
    };
    let saved = peer.weather().update_subscription(request).await?.into_inner();
    print_one(session, &saved.subscription.unwrap_or_default());
    Ok(())
}

fn print_one(session: &Session, one: &Subscription) {
    if session.global.json {
        output::print_json(&json!({ "subscription": told::subscription_json(one) }));
    } else {
        let rows = [told::subscription_row(one)];
        output::print(table::table(&told::SUBSCRIPTION_HEAD, &rows).trim_end());
    }
}
