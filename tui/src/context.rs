//! What all screens share: time, connection, the overview of what is wrong, and the way out (effects).

pub(crate) mod graph;
pub(crate) mod list;
pub(crate) mod log_ring;
pub(crate) mod reasons;
pub(crate) mod remote;
pub(crate) mod request;
pub(crate) mod shown;
mod sources;
pub(crate) mod toast;
pub(crate) mod trial;
pub(crate) mod vocabulary;
pub(crate) mod wire;

use sla_domain::Unit;
use std::collections::{BTreeMap, HashMap, VecDeque};

use sla_proto::objective::v1::{AllowedRange, SlaSet};
use sla_proto::series::v1::{Query, SourceStatus};
use sla_proto::server::v1::{GetServerInfoRequest, GetServerInfoResponse};
use sla_proto::violation::v1::{
    ObjectiveStatus, Overview, SeriesStatus, Violation, WatchViolationsResponse, watch_violations_response::Event,
};

use crate::command::Tab;
use crate::format::Zone;
use crate::overlay::Overlay;
use crate::say;
use crate::theme::Theme;
use crate::theme::caps::Caps;
use log_ring::LogRing;
use reasons::Wall;
use remote::Remote;
use request::{Effect, Request, RequestId, Slot};
use toast::{Level, Toasts};
use trial::Trial;
use vocabulary::Vocabulary;
use wire::{Mark, State};

/// Rows above the screens: state, what is wrong, tabs.
pub(crate) const HEADER_ROWS: u16 = 3;

/// Window lengths before the server has told its own, milliseconds.
const WINDOWS_MS: [i64; 4] = sla_domain::Window::DEFAULT_LENGTHS_MS;
/// Data older than this are called old, milliseconds. The stream brings a heartbeat every 10 s.
pub(crate) const STALE_MS: i64 = 60_000;

/// A source that fails is asked about again this often after its next attempt was due, milliseconds.
const SOURCE_AGAIN_MS: i64 = 5_000;

/// Ends of violations that may wait for their evaluation.
const ENDED_MAX: usize = 16;
/// The end of a violation is told when it lasted this long, milliseconds.
const TOLD_MS: i64 = 60_000;

/// An instant: wall clock for data, monotonic for everything that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Now {
    /// Unix milliseconds.
    pub(crate) wall_ms: i64,
    /// Milliseconds since the console started.
    pub(crate) mono_ms: i64,
}

/// How the instance is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Connection {
    /// An attempt is being made; since when there is no connection, where there was one before, Unix milliseconds.
    Connecting(Option<i64>),
    Connected,
    /// No connection: why, since when and when it is tried again (monotonic milliseconds).
    Lost {
        why: String,
        since_wall_ms: i64,
        retry_at_ms: i64,
    },
}

/// A place another screen is asked to show.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Jump {
    /// The series of a selector or expression.
    Series(String),
    /// The chart of a series around a moment.
    Chart {
        query: Query,
        series_id: Vec<u8>,
        title: String,
        at_ms: Option<i64>,
    },
    /// The form of one objective.
    Edit { set_id: String, objective_id: String },
    /// New objectives for the open set: query and name.
    AddObjectives(Vec<(Query, String)>),
    /// The ledger of one objective.
    Past { set_id: String, objective_id: String },
}

impl Jump {
    /// The tab that shows it.
    pub(crate) fn tab(&self) -> Tab {
        match self {
            Self::Series(_) | Self::Chart { .. } => Tab::Metrics,
            Self::AddObjectives(_) | Self::Edit { .. } => Tab::Sets,
            Self::Past { .. } => Tab::Past,
        }
    }
}

/// What an objective says about a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Agreed {
    pub(crate) state: State,
    pub(crate) mark: Mark,
    pub(crate) range: AllowedRange,
}

/// Shared by all screens.
pub(crate) struct Context {
    pub(crate) now: Now,
    pub(crate) size: (u16, u16),
    pub(crate) theme: Theme,
    /// Whether the terminal takes links.
    links: bool,
    pub(crate) zone: Zone,
    pub(crate) connection: Connection,
    pub(crate) server: Remote<GetServerInfoResponse>,
    pub(crate) overview: Remote<Overview>,
    /// By series id: the worst that any objective says about it.
    pub(crate) agreed: HashMap<Vec<u8>, Agreed>,
    pub(crate) toasts: Toasts,
    pub(crate) log: LogRing,
    pub(crate) target: String,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) jump: Option<Jump>,
    /// What a screen wants to be shown over it.
    pub(crate) overlay: Option<Overlay>,
    /// What is being moved on the chart that is open, and is not saved.
    pub(crate) trial: Option<Trial>,
    /// All sets, as they were listed last.
    pub(crate) sets: Remote<Vec<SlaSet>>,
    /// Violations whose end was told by an evaluation that is not here yet.
    ended: VecDeque<Violation>,
    /// Queries of the active sets; `None` until the sets were listed.
    pub(crate) agreed_queries: Option<Vec<Query>>,
    /// The metric source as it was told last, by whichever answer carried it.
    told_source: Option<SourceStatus>,
    /// Each source as it was told last, by name.
    sources: BTreeMap<String, SourceStatus>,
    /// When the server was asked who it is and how its source does, monotonic milliseconds.
    server_asked_ms: i64,
    windows_ms: Vec<i64>,
    window_ms: i64,
    effects: Vec<Effect>,
    next_id: u64,
}

impl Context {
    pub(crate) fn new(caps: Caps, size: (u16, u16), zone: Zone, log: LogRing, target: String, now: Now) -> Self {
        Self {
            now,
            size,
            theme: Theme::new(caps),
            links: caps.links,
            zone,
            connection: Connection::Connecting(None),
            server: Remote::default(),
            overview: Remote::default(),
            agreed: HashMap::new(),
            toasts: Toasts::default(),
            log,
            target,
            vocabulary: Vocabulary::default(),
            jump: None,
            overlay: None,
            trial: None,
            sets: Remote::default(),
            ended: VecDeque::new(),
            agreed_queries: None,
            told_source: None,
            sources: BTreeMap::new(),
            server_asked_ms: 0,
            windows_ms: WINDOWS_MS.to_vec(),
            window_ms: WINDOWS_MS[1],
            effects: Vec::new(),
            next_id: 1,
        }
    }

    /// Rows that a screen has on this terminal.
    pub(crate) fn screen_height(&self) -> u16 {
        self.size.1.saturating_sub(HEADER_ROWS + 1)
    }

    /// How far the future is told, milliseconds; 10 min until the server has said.
    pub(crate) fn horizon_ms(&self) -> i64 {
        self.server
            .get()
            .and_then(|s| wire::span_ms(s.horizon.as_ref()))
            .filter(|h| *h > 0)
            .unwrap_or(600_000)
    }

    /// Names of the sets that were judged, by id.
    pub(crate) fn set_names(&self) -> HashMap<String, String> {
        let objectives = self.overview.get().map_or(&[][..], |o| o.objectives.as_slice());
        objectives
            .iter()
            .map(|status| (status.set_id.clone(), status.set_name.clone()))
            .collect()
    }

    /// What the last evaluation said about a series, with its objective.
    pub(crate) fn status_of(&self, series_id: &[u8]) -> Option<(&ObjectiveStatus, &SeriesStatus)> {
        let objectives = &self.overview.get()?.objectives;
        objectives.iter().find_map(|status| {
            let same = |s: &&SeriesStatus| s.series.as_ref().is_some_and(|series| series.id == series_id);
            status.series.iter().find(same).map(|series| (status, series))
        })
    }

    /// Asks the server who it is, and how its source is doing.
    pub(crate) fn ask_server(&mut self) {
        self.server_asked_ms = self.now.mono_ms;
        let id = self.call(Slot::Server, GetServerInfoRequest {});
        self.server.asked(id, self.now.wall_ms);
    }

    /// When a failing source should be asked about again, monotonic milliseconds.
    fn source_again_ms(&self) -> Option<i64> {
        let due = self.connection == Connection::Connected && self.source_retry_left_ms().is_some_and(|left| left <= 0);
        (due && !self.server.is_loading()).then_some(self.server_asked_ms + SOURCE_AGAIN_MS)
    }

    /// A deadline has passed.
    pub(crate) fn tick(&mut self) {
        if self.source_again_ms().is_some_and(|at| at <= self.now.mono_ms) {
            self.ask_server();
        }
    }

    /// Asks for something; an older request of the slot is cancelled by the link.
    pub(crate) fn call(&mut self, slot: Slot, request: impl Into<Request>) -> RequestId {
        let (id, request) = (RequestId(self.next_id), request.into());
        self.next_id += 1;
        self.effects.push(Effect::Call { slot, id, request });
        id
    }

    /// Names of the labels of the series that are watched.
    pub(crate) fn label_names(&self) -> std::collections::BTreeSet<String> {
        let labels = self.watched_labels().map(|label| label.name.clone());
        labels.filter(|name| name != "__name__").collect()
    }

    /// Values of a field that a filter may ask for: states, and the labels of the series that are watched.
    pub(crate) fn label_values(&self, name: &str) -> Vec<String> {
        if name == "state" {
            return crate::filter::STATE_RANKS.map(|(word, _)| word.to_owned()).to_vec();
        }
        let of = self
            .watched_labels()
            .filter(|label| label.name.eq_ignore_ascii_case(name));
        let values: std::collections::BTreeSet<String> = of.map(|label| label.value.clone()).collect();
        values.into_iter().collect()
    }

    fn watched_labels(&self) -> impl Iterator<Item = &sla_proto::series::v1::Label> {
        let objectives = self.overview.get().map_or(&[][..], |o| o.objectives.as_slice());
        let series = objectives.iter().flat_map(|status| &status.series);
        series
            .filter_map(|status| status.series.as_ref())
            .flat_map(|series| &series.labels)
    }

    /// Asks for the words that completing `text` needs.
    pub(crate) fn want_words(&mut self, text: &str) {
        if self.connection != Connection::Connected {
            return;
        }
        if let Some((slot, request)) = self.vocabulary.wants(text) {
            let id = self.call(slot, request);
            self.vocabulary.asked(slot, id, text, self.now.wall_ms);
        }
    }

    pub(crate) fn words_told(&mut self, slot: Slot, id: RequestId, result: request::Answer) {
        let now_ms = self.now.wall_ms;
        if let Some(request) = self.vocabulary.reply(slot, id, result, now_ms) {
            let id = self.call(slot, request);
            self.vocabulary.asked(slot, id, "", now_ms);
        }
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    pub(crate) fn say(&mut self, text: impl Into<String>) {
        self.toasts.push(Level::Info, text, self.now.mono_ms);
    }

    pub(crate) fn complain(&mut self, text: impl Into<String>) {
        self.toasts.push(Level::Error, text, self.now.mono_ms);
    }

    /// A text for the user's clipboard.
    pub(crate) fn copy(&mut self, text: String) {
        let short: String = text.chars().take(60).collect();
        self.effects.push(Effect::Copy(text));
        self.say(say::notices::copied(&short));
    }

    pub(crate) fn windows_ms(&self) -> &[i64] {
        &self.windows_ms
    }

    pub(crate) fn window_ms(&self) -> i64 {
        self.window_ms
    }

    /// Takes a length when the server offers it.
    pub(crate) fn choose_window_ms(&mut self, length_ms: i64) -> bool {
        let known = self.windows_ms.contains(&length_ms);
        if known {
            self.window_ms = length_ms;
        }
        known
    }

    /// The next or previous window length.
    pub(crate) fn turn_window(&mut self, by: isize) {
        let count = self.windows_ms.len().max(1) as isize;
        let at = self.windows_ms.iter().position(|w| *w == self.window_ms).unwrap_or(0) as isize;
        if let Some(length) = self.windows_ms.get((at + by).rem_euclid(count) as usize) {
            self.window_ms = *length;
        }
    }

    /// Whether a tab is there: one of a role that does not run is not.
    pub(crate) fn has_tab(&self, tab: Tab) -> bool {
        let roles = self.server.get().map_or(&[][..], |server| &server.roles);
        tab.role().is_none_or(|wanted| roles.iter().any(|role| role == wanted))
    }

    /// The server has introduced itself.
    pub(crate) fn server_known(&mut self) {
        let Some(server) = self.server.get() else { return };
        let source = server.source.clone();
        let windows: Vec<i64> = server
            .windows
            .iter()
            .map(sla_proto::convert::duration_ms)
            .filter(|w| *w > 0)
            .collect();
        if !windows.is_empty() {
            if !windows.contains(&self.window_ms) {
                self.window_ms = windows[windows.len().min(2) - 1];
            }
            self.windows_ms = windows;
        }
        self.source_told(source);
    }

    /// The time of the newest data: what the screen means by "now". A frozen demo lives in its own time.
    pub(crate) fn data_now_ms(&self) -> i64 {
        let server = self.server.get();
        if server.is_some_and(|s| s.frozen)
            && let Some(now) = server.and_then(|s| wire::ms(s.now.as_ref()))
        {
            return now;
        }
        self.now.wall_ms
    }

    /// Says once that an overview has the worst only.
    fn left_out_told(&mut self, overview: &Overview) {
        let known = self.overview.get().map_or(0, |before| before.left_out);
        if overview.left_out > 0 && known == 0 {
            let listed = overview.objectives.len();
            self.say(say::notices::the_worst_are_listed(
                &listed,
                &(listed + overview.left_out as usize),
            ));
        }
    }

    /// The clock that times are shown by.
    pub(crate) fn wall(&self) -> Wall {
        Wall {
            zone: self.zone,
            now_ms: self.now.wall_ms,
        }
    }

    /// Words again what is known: the language or the clock is another one.
    pub(crate) fn reword(&mut self) {
        let wall = self.wall();
        if let Some(overview) = self.overview.get_mut() {
            wall.word(overview);
        }
    }

    /// Takes an event of the violations stream; true when figures changed.
    pub(crate) fn watch(&mut self, response: WatchViolationsResponse) -> bool {
        let now_ms = self.now.wall_ms;
        match response.event {
            Some(Event::Snapshot(mut overview)) => {
                self.source_told(overview.source.clone());
                let was_judged = self.overview.get().is_some_and(|known| known.evaluated.is_some());
                // A manager that takes over has judged nothing yet: what is known stays, as old as it says.
                if overview.evaluated.is_none() && was_judged {
                    return false;
                }
                self.left_out_told(&overview);
                self.wall().word(&mut overview);
                self.overview.put(overview, now_ms);
            }
            Some(Event::Update(update)) => {
                let mut overview = self.overview.get().cloned().unwrap_or_default();
                for status in update.objectives {
                    let same = |have: &ObjectiveStatus| {
                        have.set_id == status.set_id
                            && have.objective.as_ref().map(|o| &o.id) == status.objective.as_ref().map(|o| &o.id)
                    };
                    match overview.objectives.iter_mut().find(|have| same(have)) {
                        Some(have) => *have = status,
                        None => overview.objectives.push(status),
                    }
                }
                overview.counts = update.counts.or(overview.counts);
                overview.evaluated = update.evaluated.or(overview.evaluated);
                self.source_told(update.source.clone());
                overview.source = update.source.or(overview.source);
                overview.headlines = update.headlines;
                overview.told = update.told;
                overview
                    .objectives
                    .sort_by_key(|o| std::cmp::Reverse(State::of(o.state())));
                self.wall().word(&mut overview);
                self.overview.put(overview, now_ms);
            }
            Some(Event::Opened(violation)) => {
                let name = violation.series.as_ref().map(wire::series_name).unwrap_or_default();
                let side = wire::side_word(violation.side());
                let unit = violation.series.as_ref().map_or(Unit::PLAIN, wire::judged_unit);
                let told = say::notices::is(&name, &side, &crate::format::number(violation.bound, unit));
                self.effects.push(Effect::Alert(told.clone()));
                self.complain(told);
                return false;
            }
            // What was short enough to be seen only in passing is told by the ledger.
            Some(Event::Closed(violation)) if violation.duration_ms < TOLD_MS => return false,
            Some(Event::Closed(violation)) => {
                if self.ended.len() == ENDED_MAX {
                    self.ended.pop_front();
                }
                self.ended.push_back(violation);
                self.tell_ended();
                return false;
            }
            Some(Event::Heartbeat(_)) | None => return false,
        }
        self.index_agreed();
        self.tell_ended();
        true
    }

    /// Says how violations ended, as soon as the evaluation that ended them is here: not every end is a good one.
    fn tell_ended(&mut self) {
        let judged = self.overview.get().and_then(|o| wire::ms(o.evaluated.as_ref()));
        for violation in std::mem::take(&mut self.ended) {
            if wire::ms(violation.judged.as_ref()) > judged {
                self.ended.push_back(violation);
                continue;
            }
            let name = violation.series.as_ref().map(wire::series_name).unwrap_or_default();
            let lasted = crate::format::duration(violation.duration_ms);
            match self.state_after(&violation) {
                None => self.say(say::notices::is_no_longer_watched(&name, &lasted)),
                Some(State::Ok | State::AtRisk) => self.say(say::notices::is_back_in_its(&name, &lasted)),
                Some(State::NoData | State::Excluded) => {
                    self.complain(say::notices::was_violated_when_last(&name, &lasted));
                }
                Some(State::Violated) => {}
            }
        }
    }

    /// The state of a violation's series now; `None` when nobody watches it any more.
    fn state_after(&self, violation: &Violation) -> Option<State> {
        let watched = |set: &SlaSet| set.id != violation.set_id || set.active;
        let objectives = &self.overview.get()?.objectives;
        let status = objectives.iter().find(|status| {
            status.set_id == violation.set_id
                && status
                    .objective
                    .as_ref()
                    .is_some_and(|o| o.id == violation.objective_id)
        })?;
        let id = violation.series.as_ref().map(|s| s.id.as_slice());
        let same = |s: &&SeriesStatus| s.series.as_ref().map(|s| s.id.as_slice()) == id;
        let state = status
            .series
            .iter()
            .find(same)
            .map_or(State::NoData, |s| State::of(s.state()));
        self.sets
            .get()
            .is_none_or(|sets| sets.iter().all(watched))
            .then_some(state)
    }

    /// How many objectives stand in sets that nobody watches.
    pub(crate) fn not_watched(&self) -> usize {
        let sets = self.sets.rows();
        sets.iter()
            .filter(|set| !set.active)
            .map(|set| set.objectives.len())
            .sum()
    }

    /// Whether a call has just been made for a slot.
    pub(crate) fn asks(&self, wanted: Slot) -> bool {
        let mut effects = self.effects.iter();
        effects.any(|effect| matches!(effect, Effect::Call { slot, .. } if *slot == wanted))
    }

    fn index_agreed(&mut self) {
        self.agreed.clear();
        let Some(overview) = self.overview.get() else { return };
        for status in &overview.objectives {
            let range = status.objective.as_ref().and_then(|o| o.range).unwrap_or_default();
            for series in &status.series {
                let Some(id) = series.series.as_ref().map(|s| s.id.clone()) else {
                    continue;
                };
                let state = State::of(series.state());
                let worse = self.agreed.get(&id).is_none_or(|have| have.state < state);
                if worse {
                    let mark = Mark::of(state, series.outlook.as_ref());
                    self.agreed.insert(id, Agreed { state, mark, range });
                }
            }
        }
    }

    /// When something here moves by itself, monotonic milliseconds.
    pub(crate) fn deadline_ms(&self) -> Option<i64> {
        let left_ms = match &self.connection {
            Connection::Lost { retry_at_ms, .. } => Some(retry_at_ms - self.now.mono_ms),
            Connection::Connected => self.source_retry_left_ms(),
            Connection::Connecting(_) => None,
        };
        // A countdown changes once a second, in step with its end.
        let countdown = left_ms
            .filter(|left| *left > 0)
            .map(|left| self.now.mono_ms + (left - 1).rem_euclid(1000) + 1);
        [countdown, self.source_again_ms(), self.toasts.deadline_ms()]
            .into_iter()
            .flatten()
            .min()
    }
}
