//! 300 subscriptions of 15 people on 20 cities, on a clock that the test moves.

use std::time::Duration;

use sla_proto::set::v1::ListSetsRequest;
use sla_proto::violation::v1::{GetOverviewRequest, Overview};
use sla_proto::weather::v1::{CityOutlook, ListCitiesRequest, Subscription};
use sla_proto::{Peer, lists};
use tonic::Code;

use crate::house::{House, ROUND_MS};
use crate::people::subscribe;
use crate::sky::{Mailbox, Told, city};

const USERS: usize = 15;
const CITIES: usize = 20;
/// Where it snows.
const NORTH: usize = 7;

async fn overview(peer: &Peer, skip: u32) -> Overview {
    let request = GetOverviewRequest {
        skip,
        ..GetOverviewRequest::default()
    };
    peer.violations()
        .get_overview(request)
        .await
        .unwrap()
        .into_inner()
        .overview
        .unwrap()
}

/// What is told to be expected of the first city: of these subscriptions, and of others.
async fn outlooks_beyond(peer: &Peer, own: &[Subscription]) -> (usize, usize) {
    let request = ListCitiesRequest {
        city: city(0),
        outlooks: true,
        ..ListCitiesRequest::default()
    };
    let cities = peer.weather().list_cities(request).await.unwrap().into_inner().cities;
    let is_own = |outlook: &&CityOutlook| own.iter().any(|subscription| subscription.id == outlook.set_id);
    let (own, others): (Vec<_>, Vec<_>) = cities[0].outlooks.iter().partition(is_own);
    (own.len(), others.len())
}

fn of_the_north(firing: bool) -> Vec<Told> {
    let one = |user| Told {
        to: format!("/u{user:02}"),
        objective: "Snow".to_owned(),
        set: format!("Weather {} · u{user:02}", city(NORTH)),
        firing,
    };
    (0..USERS).map(one).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snow_is_told_to_its_subscribers_and_a_city_polled_once_a_round() {
    let mailbox = Mailbox::default();
    let receiver = mailbox.open().await;
    // Room for one more subscription of each user, but not for two.
    let room = 2 * CITIES + 3;
    let toml = format!("[evaluation]\nfloor = \"1s\"\nmax_objectives_per_user = {room}\n");
    let house = House::start(tempfile::tempdir().unwrap(), &receiver.url(), &toml).await;
    let ada = house.town.found().await;
    let mut people = Vec::new();
    for user in 0..USERS {
        let peer = house.town.settle(&ada, &format!("u{user:02}")).await;
        for number in 0..CITIES {
            subscribe(&peer, number).await.unwrap();
        }
        people.push(peer);
    }
    let polls = house.sky.take_polls();
    assert_eq!(
        (polls.len(), polls.values().sum::<usize>()),
        (CITIES, CITIES),
        "{polls:?}"
    );

    // Everything is judged; an answer has the worst 500, and says how many more there are.
    let objectives = (USERS * CITIES * 2) as u32;
    let all_fine = async |peer: &Peer, of: u32| overview(peer, 0).await.counts.is_some_and(|counts| counts.ok == of);
    house
        .until("all is judged", async || all_fine(&ada, objectives).await)
        .await;
    let (first, rest) = (overview(&ada, 0).await, overview(&ada, 500).await);
    assert_eq!((first.objectives.len() as u32, first.left_out), (500, objectives - 500));
    assert_eq!((rest.objectives.len() as u32, rest.left_out), (objectives - 500, 0));
    assert!(all_fine(&people[3], 2 * CITIES as u32).await, "each sees what is his");
    let page = ada
        .sets()
        .list_sets(ListSetsRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!((page.sets.len(), page.total as usize), (100, USERS * CITIES));
    let mut names: Vec<_> = lists::sets(&ada)
        .await
        .unwrap()
        .into_iter()
        .map(|set| set.name)
        .collect();
    names.dedup();
    assert_eq!(names.len(), USERS * CITIES);
    let own = lists::subscriptions(&people[0]).await.unwrap();
    assert_eq!(own.len(), CITIES);
    assert_eq!(
        outlooks_beyond(&people[0], &own).await,
        (2, 0),
        "others' agreements are not told"
    );

    // What is too much for one user is refused with the setting that says so, and its city is not kept.
    subscribe(&people[0], CITIES).await.unwrap();
    let refused = subscribe(&people[0], CITIES + 1).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    assert!(
        refused.message().contains("evaluation.max_objectives_per_user = 43"),
        "{refused}"
    );
    let cities = ada
        .weather()
        .list_cities(ListCitiesRequest::default())
        .await
        .unwrap()
        .into_inner()
        .cities;
    assert_eq!(cities.len(), CITIES + 1);

    house.sky.snow(Some(NORTH));
    assert_eq!(
        house.round(&ada, CITIES, CITIES + 2).await,
        CITIES,
        "whoever subscribes"
    );
    house.until("it is told", async || mailbox.len() >= USERS).await;
    let mut told = mailbox.told();
    told.sort();
    assert_eq!(told, of_the_north(true));

    house.sky.snow(None);
    assert_eq!(house.round(&ada, CITIES, CITIES + 3).await, CITIES);
    house
        .until("the end is told", async || mailbox.len() >= 2 * USERS)
        .await;
    // Were there more, they would come now.
    house.clock.advance(ROUND_MS / 2);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut told = mailbox.told().split_off(USERS);
    told.sort();
    assert_eq!(told, of_the_north(false));
    house.close().await;
}
