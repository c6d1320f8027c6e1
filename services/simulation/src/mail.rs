//! The other end of all channels: what arrived there, how often, and whether it goes with what the instance tells about it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sla_notify::{Carrier, Outcome, Parcel};
use sla_proto::convert::millis;
use sla_proto::notify::v1::{Channel, ChannelKind, Delivery, DeliveryState, NoticeKind, QuietHours};
use sla_proto::series::v1::Series;
use sla_proto::violation::v1::Violation;

use crate::bug::Bug;
use crate::weather::Weather;

const HOUR_MS: i64 = 3_600_000;
/// 2024-03-31 01:00 UTC, Unix milliseconds.
const CLOCKS_FORWARD_MS: i64 = 1_711_846_800_000;
/// Name of the channel that hears of everything.
const ALL: &str = "all";
/// How long the other end takes; the process may die meanwhile.
const TAKES: Duration = Duration::from_millis(150);
/// After a refusal the other end wants to be left alone for so long, milliseconds: longer than the sender's own pauses, whose
/// length is chance.
const PAUSE_MS: i64 = 60_000;
/// What began or ended so short a time ago need not have been told, milliseconds.
const TELLING_MS: i64 = 45_000;

/// One message, as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arrived {
    /// Ids of its notices, in their order.
    notices: Vec<String>,
}

#[derive(Debug, Default)]
struct Inside {
    /// Since when there is a channel, Unix milliseconds.
    listening_ms: Option<i64>,
    arrived: BTreeMap<String, Arrived>,
    /// What cannot be, in words.
    wrong: Option<String>,
}

/// Outlives the instance. Shared by its lives.
#[derive(Debug)]
pub(crate) struct Mailroom {
    weather: Arc<Weather>,
    bug: Option<Bug>,
    inside: Mutex<Inside>,
}

/// The channel that hears of everything; in a long world also one that is quiet at night.
pub(crate) fn channels(long: bool) -> Vec<Channel> {
    let all = Channel {
        name: ALL.to_owned(),
        kind: ChannelKind::Webhook.into(),
        address: "http://127.0.0.1:9/".to_owned(),
        sets: vec!["*".to_owned()],
        ..Channel::default()
    };
    let quiet = QuietHours {
        start: "22:00".to_owned(),
        end: "06:00".to_owned(),
        zone: "Europe/Rome".to_owned(),
    };
    let days = Channel {
        name: "days".to_owned(),
        quiet: Some(quiet),
        ..all.clone()
    };
    if long { vec![all, days] } else { vec![all] }
}

/// Whether it is night in Rome by the rule that holds in spring 2024, Unix milliseconds.
fn is_night(at_ms: i64) -> bool {
    let ahead_ms = if at_ms < CLOCKS_FORWARD_MS {
        HOUR_MS
    } else {
        2 * HOUR_MS
    };
    let hour = (at_ms + ahead_ms).div_euclid(HOUR_MS).rem_euclid(24);
    !(6..22).contains(&hour)
}

#[tonic::async_trait]
impl Carrier for Mailroom {
    async fn carry(&self, channel: &Channel, parcel: &Parcel<'_>) -> Outcome {
        if channel.quiet.is_some() && is_night(parcel.now_ms) {
            let words = format!("message {} came at {}, at night", parcel.id, parcel.now_ms);
            self.inside().wrong.get_or_insert(words);
        }
        let percent = self.weather.mood().post_percent;
        if self.weather.chance(percent / 2) {
            return Outcome::Again(Some(PAUSE_MS), "the simulated receiver is away".to_owned());
        }
        if self.bug == Some(Bug::MessageSwallowed) && self.weather.chance(30) {
            return Outcome::Sent;
        }
        self.arrive(parcel);
        tokio::time::sleep(TAKES).await;
        if self.weather.chance(percent / 2) {
            return Outcome::Again(Some(PAUSE_MS), "the simulated receiver's answer is lost".to_owned());
        }
        Outcome::Sent
    }
}

/// What a notice or a row of the ledger is about: objective, generation and series.
type Subject = (String, u32, Vec<u8>);

fn subject(objective: &str, generation: u32, series: Option<&Series>) -> Subject {
    (
        objective.to_owned(),
        generation,
        series.map(|series| series.id.clone()).unwrap_or_default(),
    )
}

impl Mailroom {
    pub(crate) fn new(weather: Arc<Weather>, bug: Option<Bug>) -> Self {
        Self {
            weather,
            bug,
            inside: Mutex::default(),
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrive(&self, parcel: &Parcel<'_>) {
        let now = Arrived {
            notices: parcel.notices.iter().map(|notice| notice.id.clone()).collect(),
        };
        let mut inside = self.inside();
        let before = inside
            .arrived
            .entry(parcel.id.to_owned())
            .or_insert_with(|| now.clone());
        if *before != now {
            let words = format!("message {} came as {before:?} and as {now:?}", parcel.id);
            inside.wrong.get_or_insert(words);
        }
    }

    /// There is a channel, now at the latest.
    pub(crate) fn listens(&self, now_ms: i64) {
        self.inside().listening_ms.get_or_insert(now_ms);
    }

    /// How many messages have arrived.
    pub(crate) fn len(&self) -> usize {
        self.inside().arrived.len()
    }

    /// Holds what the instance tells about its messages, newest first, against what arrived and against its ledger.
    pub(crate) fn check(&self, told: &[Delivery], rows: &[Violation], now_ms: i64) -> Result<(), String> {
        let inside = self.inside();
        if let Some(words) = &inside.wrong {
            return Err(words.clone());
        }
        let is_sent = |one: &&Delivery| one.state() == DeliveryState::Sent;
        if let Some(lost) = told
            .iter()
            .filter(is_sent)
            .find(|one| !inside.arrived.contains_key(&one.message_id))
        {
            return Err(format!(
                "message {} is told to be sent and never arrived",
                lost.message_id
            ));
        }
        let Some(listening_ms) = inside.listening_ms else {
            return Ok(());
        };
        drop(inside);
        let mut last: BTreeMap<Subject, NoticeKind> = BTreeMap::new();
        let of_all = told.iter().filter(|one| one.channel == ALL);
        for notice in of_all.filter_map(|one| one.notice.as_ref()) {
            let about = subject(&notice.objective_id, notice.generation, notice.series.as_ref());
            last.entry(about).or_insert(notice.kind());
        }
        let mut open: BTreeMap<Subject, bool> = BTreeMap::new();
        // Of these nothing is said.
        let mut fresh: Vec<Subject> = Vec::new();
        for row in rows {
            let about = subject(&row.objective_id, row.generation, row.series.as_ref());
            let is_open = row.end.is_none() && !row.retired;
            let ends = [row.start, row.end, row.judged.filter(|_| row.retired)];
            let is_fresh = ends.iter().flatten().any(|at| millis(at) > now_ms - TELLING_MS);
            // What had begun when nobody listened is told when its figures change.
            let is_old = row.start.as_ref().is_none_or(|start| millis(start) <= listening_ms);
            if is_fresh || (is_open && is_old) {
                fresh.push(about.clone());
            }
            *open.entry(about).or_default() |= is_open;
        }
        for (about, is_open) in open.iter().filter(|(about, _)| !fresh.contains(about)) {
            let is_told = matches!(last.get(about), Some(NoticeKind::Opened | NoticeKind::Still));
            if is_told != *is_open {
                return Err(format!(
                    "{} is {} by the ledger, and the last word about it is {:?}",
                    about.0,
                    if *is_open { "violated" } else { "violated no more" },
                    last.get(about)
                ));
            }
        }
        Ok(())
    }
}
