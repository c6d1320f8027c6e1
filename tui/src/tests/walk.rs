//! Random hands at the console, held against a model: after each key no two places of the screen may disagree, nothing may read
//! better than it was told, and changes that are not saved stay what they are until somebody edits, saves or drops them.
//!
//! A walk that fails prints the command that repeats it.

mod checks;
mod keys;
mod model;
mod picture;
mod server;

use std::sync::atomic::{AtomicU64, Ordering};

use crossterm::event::KeyEvent;
use sla_proto::convert as time;
use sla_proto::violation::v1::{Overview, OverviewUpdate, WatchViolationsResponse, watch_violations_response::Event};
use sla_testkit::estate::{BEGUN_MS, Dice, Truth};

use crate::app::{App, Msg, Settings, Start, draw, update};
use crate::context::Now;
use crate::context::request::{Effect, LinkEvent, Problem, Request, RequestId, Slot};
use crate::frame::picture;
use crate::remembered::Remembered;
use crate::say::{self, Language};
use crate::theme::caps::Caps;
use model::{Model, Reached};
use server::Server;

/// Walks of every test run, and how many things happen in each.
const SEEDS: u64 = 300;
const STEPS: u64 = 60;
/// Of a walk that fails, so many things are told.
const LAST: usize = 30;
/// Threads that share the walks.
const THREADS: usize = 2;
const SIZES: [(u16, u16); 12] = [
    (80, 24),
    (100, 30),
    (120, 40),
    (120, 40),
    (160, 60),
    (160, 60),
    (200, 70),
    (60, 16),
    (40, 10),
    (30, 8),
    (24, 4),
    (1, 1),
];
/// The size at which everything has room.
const ROOMY: (u16, u16) = (160, 70);

/// Something wrong that is put between console and checks: it must be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Planted {
    /// One violated objective is counted as well.
    Counts,
    /// What is not saved is dropped by itself.
    DraftDropped,
    /// An evaluation does not reach the console.
    UpdateMissed,
    /// A row that is violated is drawn as well.
    Rosy,
    /// The cursor stands nowhere.
    NoCursor,
}

/// An answer that is on its way.
struct Flight {
    slot: Slot,
    id: RequestId,
    request: Request,
    /// It comes after so many more steps.
    steps: u64,
}

struct Walk {
    app: App,
    server: Server,
    model: Model,
    dice: Dice,
    mono_ms: i64,
    flights: Vec<Flight>,
    /// What the stream of evaluations told last.
    sent: Option<(Truth, Overview)>,
    files: Vec<String>,
    planted: Option<Planted>,
    trace: Vec<String>,
}

type Outcome = Result<(), String>;

fn start(size: (u16, u16), remembered: Remembered) -> Start {
    Start {
        size,
        remembered,
        editor: true,
        keeps_drafts: true,
        target: "default".into(),
        ..Start::default()
    }
}

/// A key as the trace tells it.
fn told(key: KeyEvent) -> String {
    crate::command::keymap::show_chord(crokey::KeyCombination::from(key).normalized())
}

impl Walk {
    fn of(seed: u64, planted: Option<Planted>) -> Self {
        say::speak(Language::English);
        let mut dice = Dice::of(seed ^ 0x5eed);
        let now = Now {
            wall_ms: BEGUN_MS,
            mono_ms: 0,
        };
        let size = dice.pick(&SIZES);
        Self {
            app: App::new(start(size, Remembered::default()), now).unwrap(),
            server: Server::of(seed),
            model: Model::new(),
            dice,
            mono_ms: 0,
            flights: Vec::new(),
            sent: None,
            files: Vec::new(),
            planted,
            trace: Vec::new(),
        }
    }

    fn wall_ms(&self) -> i64 {
        BEGUN_MS + self.mono_ms
    }

    /// Hands a message in and takes what is wanted.
    fn send(&mut self, msg: Msg) -> Outcome {
        let now = Now {
            wall_ms: self.wall_ms(),
            mono_ms: self.mono_ms,
        };
        self.model.expect(&self.app, &msg);
        let answer = match &msg {
            Msg::Link(LinkEvent::Reply { result: Ok(reply), .. }) => Some(reply.clone()),
            _ => None,
        };
        let effects = update(&mut self.app, msg, now);
        self.model.asked(&effects);
        self.model.check(&self.app, answer.as_ref())?;
        for effect in effects {
            self.perform(effect)?;
        }
        Ok(())
    }

    fn perform(&mut self, effect: Effect) -> Outcome {
        match effect {
            Effect::Call { slot, id, request } => {
                if !request.changes() {
                    // The link gives the older one up, unless its answer is here already.
                    let late = self.dice.chance(5);
                    self.flights
                        .retain(|flight| flight.slot != slot || flight.request.changes() || late);
                }
                if self.model.reached != Reached::Now {
                    return self.send(Msg::Link(LinkEvent::Reply {
                        slot,
                        id,
                        result: Err(Problem::plain("there is no connection")),
                    }));
                }
                let steps = if self.dice.chance(75) {
                    0
                } else {
                    1 + self.dice.below(6)
                };
                self.flights.push(Flight {
                    slot,
                    id,
                    request,
                    steps,
                });
            }
            Effect::WriteFile { text, .. } => self.files.push(text),
            Effect::Edit { text, .. } => {
                let edited = match self.dice.below(4) {
                    0 => Ok(None),
                    1 => Ok(Some(text.replacen("max = 4.0", "max = 4.5", 1))),
                    2 => Ok(Some(format!("{text}\nwhat"))),
                    _ => Err("the editor failed".to_owned()),
                };
                return self.send(Msg::Edited(edited));
            }
            Effect::Reload => return self.send(Msg::Settings(Ok(Settings::default()))),
            Effect::Quit => return self.restart(),
            _ => {}
        }
        Ok(())
    }

    /// The console ends and is started again: what was not saved and not dropped is there.
    fn restart(&mut self) -> Outcome {
        self.trace.push("restart".into());
        let before = model::kept(&self.app);
        let remembered = Remembered::from_toml(&self.app.remembered().to_toml());
        let now = self.app.cx.now;
        self.app = App::new(start(self.app.cx.size, remembered), now).unwrap();
        self.flights.clear();
        self.sent = None;
        self.model = Model::starting_with(before.clone());
        if model::kept(&self.app) != before {
            return Err(format!("the next console does not have the changes {before:#?}"));
        }
        self.connect()
    }

    fn connect(&mut self) -> Outcome {
        self.sent = None;
        self.send(Msg::Link(LinkEvent::Connected))?;
        self.land(false)?;
        self.tell()
    }

    /// Answers that are due; all of them where `all`.
    fn land(&mut self, all: bool) -> Outcome {
        let mut rounds = 0;
        loop {
            let due = self.flights.iter().position(|flight| all || flight.steps == 0);
            // What changes something is done in the order in which it was asked for.
            let Some(at) = due.map(|at| self.first_change(at)) else {
                return Ok(());
            };
            let Flight { slot, id, request, .. } = self.flights.remove(at);
            rounds += 1;
            if rounds > 300 {
                return Err(format!("the console asks for ever, {request:?} at last"));
            }
            let lost = !all && self.dice.chance(4);
            // Lost on the way there, or on the way back.
            let result = if lost && self.dice.chance(50) {
                Err(Problem::plain("the disk is full"))
            } else {
                self.server.answer(&request)
            };
            let result = if lost {
                Err(Problem::plain("no answer within 20 s"))
            } else {
                result
            };
            self.send(Msg::Link(LinkEvent::Reply { slot, id, result }))?;
        }
    }

    fn first_change(&self, at: usize) -> usize {
        if !self.flights[at].request.changes() {
            return at;
        }
        self.flights
            .iter()
            .position(|flight| flight.request.changes())
            .unwrap_or(at)
    }

    /// An evaluation has finished: a snapshot, or what has changed since.
    fn tell(&mut self) -> Outcome {
        if self.model.reached != Reached::Now {
            return Ok(());
        }
        let at_ms = self.wall_ms();
        self.server.estate.turn(at_ms);
        let (truth, overview) = (self.server.estate.truth(), self.server.estate.overview());
        let same = |(before, _): &&(Truth, Overview)| before.objectives.keys().eq(truth.objectives.keys());
        let event = match self.sent.as_ref().filter(same) {
            Some((_, before)) if self.dice.chance(70) => {
                let changed = overview
                    .objectives
                    .iter()
                    .filter(|one| !before.objectives.contains(one));
                Event::Update(OverviewUpdate {
                    objectives: changed.cloned().collect(),
                    counts: overview.counts,
                    evaluated: overview.evaluated,
                    source: overview.source.clone(),
                    told: overview.told.clone(),
                    ..OverviewUpdate::default()
                })
            }
            _ => Event::Snapshot(overview.clone()),
        };
        self.sent = Some((truth.clone(), overview));
        self.model.told = Some(truth);
        self.deliver(event)
    }

    fn deliver(&mut self, mut event: Event) -> Outcome {
        match self.planted {
            Some(Planted::UpdateMissed) if self.dice.chance(10) => return Ok(()),
            Some(Planted::Counts) => {
                let counts = match &mut event {
                    Event::Snapshot(overview) => overview.counts.as_mut(),
                    Event::Update(update) => update.counts.as_mut(),
                    _ => None,
                };
                if let Some(counts) = counts.filter(|counts| counts.violated > 0) {
                    counts.violated -= 1;
                    counts.ok += 1;
                }
            }
            _ => {}
        }
        self.send(Msg::Link(LinkEvent::Violations(Box::new(WatchViolationsResponse {
            event: Some(event),
            time: Some(time::timestamp(self.wall_ms())),
            ..WatchViolationsResponse::default()
        }))))
    }

    /// Time passes, with every tick that is wanted.
    fn wait(&mut self, ms: i64) -> Outcome {
        let until = self.mono_ms + ms;
        let mut ticks = 0;
        while let Some(at) = self.app.deadline_ms().filter(|at| *at <= until) {
            ticks += 1;
            if ticks > 1_000 {
                return Err("the console never rests".to_owned());
            }
            self.mono_ms = at.max(self.mono_ms);
            self.send(Msg::Tick)?;
            self.land(false)?;
        }
        self.mono_ms = until;
        Ok(())
    }

    fn press(&mut self, key: KeyEvent) -> Outcome {
        self.trace.push(told(key));
        self.send(Msg::Key(key))?;
        self.land(false)
    }

    /// Another operator saves.
    fn another_saves(&mut self) {
        let sets = self.server.estate.sets.len() as u64;
        let at = self.dice.below(sets.max(1)) as usize;
        let Some(mut set) = self.server.estate.sets.get(at).cloned() else {
            return self.server.estate.add_set("alpha");
        };
        match self.dice.below(6) {
            0 => set.active = !set.active,
            1 if !set.objectives.is_empty() => {
                set.objectives.remove(0);
            }
            2 if !set.objectives.is_empty() => set.objectives.rotate_left(1),
            3 if sets > 1 => {
                self.server.estate.sets.remove(at);
                return;
            }
            4 if sets < 4 => {
                let name = self.server.estate.id("set");
                return self.server.estate.add_set(&name);
            }
            _ => {
                if let Some(range) = set.objectives.first_mut().and_then(|o| o.range.as_mut()) {
                    range.max = Some(3.0 + self.dice.below(4) as f64);
                }
            }
        }
        let _ = self.server.update(set);
    }

    fn step(&mut self) -> Outcome {
        for flight in &mut self.flights {
            flight.steps = flight.steps.saturating_sub(1);
        }
        self.land(false)?;
        match self.dice.below(100) {
            0..72 => {
                for key in keys::next(&mut self.dice, &self.app) {
                    self.press(key)?;
                }
            }
            72..82 => {
                self.trace.push("evaluation".into());
                self.tell()?;
            }
            82..88 => {
                let ms = self.dice.pick(&[10, 200, 500, 3_000, 12_000, 70_000]);
                self.trace.push(format!("{ms} ms"));
                self.wait(ms)?;
            }
            88..91 => {
                let (width, height) = self.dice.pick(&SIZES);
                self.trace.push(format!("{width}x{height}"));
                self.send(Msg::Resize(width, height))?;
            }
            91..94 => self.mouse()?,
            94..97 => {
                self.trace.push("another saves".into());
                self.another_saves();
            }
            97 => {
                self.trace.push("paste".into());
                let text = self.dice.pick(&["5", "up{job=\"node\"}", "a\nb", "\u{1b}[31m"]);
                self.send(Msg::Paste(text.to_owned(), false))?;
            }
            98 => {
                self.trace.push("lost and found".into());
                self.lose()?;
            }
            _ => {
                self.trace.push("heartbeat, a panic, a note".into());
                self.deliver(Event::Heartbeat(sla_proto::violation::v1::Heartbeat {}))?;
                self.send(Msg::WorkerPanic("here".into()))?;
                self.send(Msg::Note(Ok("a file is written".into())))?;
            }
        }
        if self.planted == Some(Planted::DraftDropped) && model::kept(&self.app).is_some() && self.dice.chance(5) {
            let (sets, drop) = (crate::command::Tab::Sets, Some("drop".to_owned()));
            self.app.tab = sets;
            self.app.overlay = None;
            self.app.run(crate::command::Cmd::Quit, drop);
            let _ = self.app.cx.take_effects();
        }
        self.look()
    }

    fn mouse(&mut self) -> Outcome {
        let (width, height) = self.app.cx.size;
        let x = self.dice.below(u64::from(width)) as u16;
        let y = self.dice.pick(&[1, 2, 2, 4, 5, 6, height / 2]);
        self.trace.push(format!("click {x},{y}"));
        for _ in 0..=self.dice.below(2) {
            self.send(Msg::Click(x, y))?;
        }
        let lines = self.dice.below(7) as i8 - 3;
        self.send(Msg::Wheel(lines))?;
        self.land(false)
    }

    fn lose(&mut self) -> Outcome {
        for Flight { slot, id, .. } in std::mem::take(&mut self.flights) {
            let result = Err(Problem::plain("the connection went before the answer came"));
            self.send(Msg::Link(LinkEvent::Reply { slot, id, result }))?;
        }
        self.send(Msg::Link(LinkEvent::Lost {
            why: "refused".into(),
            retry_in_ms: 900,
        }))?;
        self.look()?;
        for key in keys::next(&mut self.dice, &self.app) {
            self.press(key)?;
        }
        self.look()?;
        self.send(Msg::Link(LinkEvent::Connecting))?;
        self.look()?;
        self.connect()
    }

    fn rows(&self) -> Vec<String> {
        let (width, height) = self.app.cx.size;
        let mut rows = picture(width, height, Caps::default(), |canvas| draw(&self.app, canvas));
        match self.planted {
            Some(Planted::Rosy) => {
                for row in rows.iter_mut().skip(4).filter(|row| row.contains('✗')).take(1) {
                    *row = row.replacen('✗', "✓", 1);
                }
            }
            Some(Planted::NoCursor) => rows.iter_mut().for_each(|row| *row = row.replacen(" ▸ ", "   ", 1)),
            _ => {}
        }
        rows
    }

    fn look(&self) -> Outcome {
        let rows = self.rows();
        checks::picture(&self.app, &self.model, &rows).map_err(|why| format!("{why}\n{}", rows.join("\n")))
    }

    fn run(&mut self) -> Outcome {
        self.connect()?;
        for _ in 0..STEPS {
            self.step()?;
        }
        self.rest()
    }

    /// Everything has arrived, nobody edits, there is room: each tab tells all there is, and its file the same.
    fn rest(&mut self) -> Outcome {
        self.trace.push("rest".into());
        say::speak(Language::English);
        self.send(Msg::Resize(ROOMY.0, ROOMY.1))?;
        for _ in 0..4 {
            self.press(super::driver::key_of("Esc"))?;
        }
        if self.model.reached != Reached::Now {
            self.connect()?;
        }
        for tab in ["0", "4", "2"] {
            self.trace.push(format!("at rest {tab}"));
            for key in [tab, "Esc", "Esc", "Esc", tab] {
                self.press(super::driver::key_of(key))?;
            }
            self.land(true)?;
            self.wait(12_000)?;
            self.tell()?;
            self.land(true)?;
            self.wait(12_000)?;
            self.land(true)?;
            self.tell()?;
            self.land(true)?;
            self.look()?;
            self.files.clear();
            for key in ["x", "Enter"] {
                self.press(super::driver::key_of(key))?;
            }
            if let Some(file) = self.files.pop() {
                checks::file(&self.app, &self.model, &file)?;
            }
        }
        Ok(())
    }
}

/// Walks; words when something was wrong.
fn walk(seed: u64, planted: Option<Planted>) -> Outcome {
    let mut walk = Walk::of(seed, planted);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| walk.run()));
    let outcome = outcome.unwrap_or_else(|_| Err("it panicked".to_owned()));
    outcome.map_err(|why| {
        let last = walk.trace.len().saturating_sub(LAST);
        format!(
            "walk {seed}: {why}\nafter {}\n  again: SLA_WALK={seed} cargo test -p sla-tui --lib walk",
            walk.trace[last..].join(", ")
        )
    })
}

#[test]
#[expect(clippy::disallowed_methods, reason = "one walk is chosen from outside")]
fn no_hand_makes_two_places_disagree() {
    if let Ok(seed) = std::env::var("SLA_WALK") {
        return walk(seed.parse().unwrap(), None).unwrap_or_else(|why| panic!("{why}"));
    }
    let next = AtomicU64::new(0);
    let work = || {
        let seeds = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        let outcomes = seeds.take_while(|seed| *seed < SEEDS).map(|seed| walk(seed, None));
        outcomes.filter_map(Result::err).collect::<Vec<String>>()
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let heads: Vec<&str> = wrong.iter().filter_map(|words| words.lines().next()).collect();
    assert!(wrong.is_empty(), "{}\n\n{}", heads.join("\n"), wrong[0]);
}

#[test]
fn what_is_planted_is_found() {
    for planted in [
        Planted::Counts,
        Planted::DraftDropped,
        Planted::UpdateMissed,
        Planted::Rosy,
        Planted::NoCursor,
    ] {
        let found = (0..SEEDS).find(|&seed| walk(seed, Some(planted)).is_err());
        assert!(found.is_some(), "{planted:?} is not found");
    }
}
