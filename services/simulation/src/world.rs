//! A world: one plan, one instance that lives several times, two consoles, one who compares.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sla_bus::memory::MemoryBus;
use sla_proto::Peer;
use sla_proto::notify::v1::{AddChannelRequest, Channel, ListChannelsRequest};
use sla_proto::peer::Claims;
use sla_proto::set::v1::ListSetsRequest;
use tempfile::TempDir;
use tokio::sync::RwLock;

use crate::book::Book;
use crate::bug::Bug;
use crate::clock::LifeClock;
use crate::console::{Desk, Editor, Screen, watch};
use crate::day::Day;
use crate::dice::Dice;
use crate::disk::Disk;
use crate::fault::Fault;
use crate::instance::{Ground, Instance};
use crate::look::{Caps, Look};
use crate::mail::{self, Mailroom};
use crate::plan::{Death, Plan, REST_MS, Restart};
use crate::report::{Notes, Report};
use crate::sky::{Questions, WorldSky};
use crate::source::WorldSource;
use crate::truth::{Signal, signals};
use crate::weather::Weather;
use crate::wire::Wire;

const MINUTE_MS: i64 = 60_000;
/// A write that can be cut comes within this time, or the process is killed without.
const TORN_WAIT: Duration = Duration::from_secs(15);
/// Partitions of the bus.
const PARTITIONS: usize = 3;
/// Distance of runs, milliseconds, in a world of minutes and in one of hours.
const RUNS_EVERY_MS: i64 = 120_000;
const LONG_RUNS_EVERY_MS: i64 = 15 * MINUTE_MS;
/// How often sets are asked for at the begin of a life, and the pause between.
const FIRST_ASKS: u32 = 50;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// How a life ended.
enum End {
    /// The files as they lay on the disk are what is left.
    Died(Disk),
    /// In order.
    Stopped,
    /// The world is over.
    Over,
}

struct World {
    plan: Plan,
    bug: Option<Bug>,
    folder: TempDir,
    /// The data folder of this life, and how many there were.
    place: PathBuf,
    lives: u64,
    /// Since the world began, milliseconds.
    now_ms: i64,
    signals: Arc<Vec<Signal>>,
    weather: Arc<Weather>,
    mailroom: Arc<Mailroom>,
    questions: Arc<Questions>,
    skew_ms: Arc<AtomicI64>,
    book: Arc<Mutex<Book>>,
    caps: Caps,
    day: Day,
    bus: Option<MemoryBus>,
    notes: Notes,
}

/// Runs a plan to its end, or to the first thing that is wrong.
pub(crate) fn run(plan: Plan, bug: Option<Bug>) -> std::io::Result<Report> {
    sla_runtime::blocking::run_on_this_thread();
    let mut world = World::new(plan, bug)?;
    loop {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()?;
        let end = runtime.block_on(world.live());
        let is_over = world.bury(&end)?;
        // Every task of that life ends here, wherever it stood.
        drop(runtime);
        if is_over || world.notes.has_failed() {
            break;
        }
    }
    let edits = world.book.lock().unwrap_or_else(PoisonError::into_inner).acknowledged;
    world.notes.count(|figures| {
        figures.virtual_ms = world.now_ms;
        figures.edits = edits;
        figures.lives = world.lives;
        figures.fired = world.day.fired();
        figures.messages = world.mailroom.len() as u64;
        figures.faults = (world.plan.spells.len() + world.plan.restarts.len()) as u64;
    });
    Ok(world.notes.report(world.plan.seed))
}

/// A folder in memory where there is one: nothing here is about the speed of a disk.
fn folder() -> std::io::Result<TempDir> {
    let shared = Path::new("/dev/shm");
    let maker = tempfile::Builder::new();
    if shared.is_dir() {
        maker.tempdir_in(shared)
    } else {
        maker.tempdir()
    }
}

/// A channel, where it is not there yet.
async fn add_channel(console: &Peer, channel: &Channel) {
    for _ in 0..FIRST_ASKS {
        let there = console.notify().list_channels(ListChannelsRequest {}).await;
        let done = match there {
            Ok(there) if there.get_ref().channels.iter().any(|one| one.name == channel.name) => true,
            Ok(_) => {
                let request = AddChannelRequest {
                    channel: Some(channel.clone()),
                };
                console.notify().add_channel(request).await.is_ok()
            }
            Err(_) => false,
        };
        if done {
            return;
        }
        tokio::time::sleep(FIRST_PAUSE).await;
    }
}

impl World {
    fn new(plan: Plan, bug: Option<Bug>) -> std::io::Result<Self> {
        let folder = folder()?;
        let weather = Arc::new(Weather::new(plan.seed));
        Ok(Self {
            place: folder.path().join("life-0"),
            folder,
            lives: 0,
            now_ms: 0,
            signals: Arc::new(signals(plan.seed, plan.begun_ms)),
            mailroom: Arc::new(Mailroom::new(weather.clone(), bug)),
            weather,
            questions: Arc::default(),
            skew_ms: Arc::default(),
            book: Arc::default(),
            caps: Caps::default(),
            day: Day::default(),
            bus: plan.over_bus.then(|| MemoryBus::of(PARTITIONS)),
            notes: Notes::begin(plan.begun_ms),
            plan,
            bug,
        })
    }

    fn windows_ms(&self) -> Vec<i64> {
        if self.plan.is_long() {
            vec![60 * MINUTE_MS, 720 * MINUTE_MS]
        } else {
            vec![10 * MINUTE_MS, 60 * MINUTE_MS]
        }
    }

    /// Puts weather and clock as the plan has them now.
    fn apply(&self, at_ms: i64) {
        let active = self.plan.active(at_ms);
        let since: Vec<(Fault, i64)> = active
            .iter()
            .map(|&(fault, from_ms)| (fault, self.plan.begun_ms + from_ms))
            .collect();
        self.weather.set(&since);
        let skew_ms = self.plan.skew_ms(at_ms);
        self.skew_ms.store(skew_ms, Ordering::SeqCst);
        let clock = (skew_ms != 0).then(|| format!("clock {skew_ms:+} ms"));
        let faults = active.iter().map(|(fault, _)| format!("{fault:?}"));
        let words: Vec<String> = faults.chain(clock).collect();
        self.notes
            .line(self.plan.begun_ms + at_ms, &format!("weather: {}", words.join(", ")));
    }

    /// One life of the instance, until it dies or the world ends.
    async fn live(&mut self) -> End {
        let born_ms = self.now_ms;
        self.lives += 1;
        self.apply(born_ms);
        let clock = Arc::new(LifeClock::new(self.plan.begun_ms + born_ms, self.skew_ms.clone()));
        let disk = Disk::new(self.place.clone(), self.weather.clone(), clock.clone(), self.bug);
        let source = WorldSource::new(
            self.signals.clone(),
            clock.clone(),
            self.weather.clone(),
            self.plan.tells_time,
            self.bug,
        );
        let sky = self.plan.city.then(|| {
            Arc::new(WorldSky {
                questions: self.questions.clone(),
                clock: clock.clone(),
                weather: self.weather.clone(),
                life: self.lives,
                samples: WorldSky::samples(&clock),
            })
        });
        let ground = Ground {
            clock: clock.clone(),
            weather: self.weather.clone(),
            disk: disk.clone(),
            source: source.clone(),
            sky: sky.clone(),
            bus: self.bus.clone(),
            mailroom: self.mailroom.clone(),
            windows_ms: self.windows_ms(),
            runs_every_ms: if self.plan.is_long() {
                LONG_RUNS_EVERY_MS
            } else {
                RUNS_EVERY_MS
            },
            bug: self.bug,
        };
        let instance = match Instance::start(&ground) {
            Ok(instance) => instance,
            Err(error) => {
                self.notes
                    .fail(clock.world_ms(), &format!("the instance does not start: {error}"));
                return End::Over;
            }
        };
        self.notes.line(clock.world_ms(), &format!("life {}", self.lives));
        let desk = Desk {
            book: self.book.clone(),
            rest: Arc::new(RwLock::new(())),
            notes: self.notes.clone(),
            clock: clock.clone(),
            bug: self.bug,
            forecasts: self.plan.forecasts,
            until_ms: self.plan.begun_ms + self.plan.edits_for_ms.unwrap_or(self.plan.length_ms - 45_000),
        };
        let end = {
            let everybody = self.everybody(&instance.peer, &desk, (source, sky), &disk, born_ms);
            tokio::select! {
                biased;
                () = self.notes.failed.notified() => End::Over,
                () = everybody => End::Over,
                end = self.end(&clock, &disk, born_ms) => end,
            }
        };
        if matches!(end, End::Stopped)
            && let Err(words) = instance.stop().await
        {
            self.notes.fail(clock.world_ms(), &words);
        }
        self.now_ms = clock.world_ms() - self.plan.begun_ms;
        end
    }

    /// Waits for the end of this life.
    async fn end(&self, clock: &LifeClock, disk: &Disk, born_ms: i64) -> End {
        let Some(restart) = self.restart(born_ms) else {
            clock.wait_until(self.plan.begun_ms + self.plan.length_ms).await;
            return End::Over;
        };
        clock.wait_until(self.plan.begun_ms + restart.at_ms).await;
        if restart.death == Death::Torn {
            self.weather.tear();
            // Nothing was written in all that time: an ordinary death.
            let _ = tokio::time::timeout(TORN_WAIT, disk.died.notified()).await;
        }
        self.notes.line(clock.world_ms(), &format!("{:?}", restart.death));
        match restart.death {
            Death::Stopped => End::Stopped,
            Death::Killed | Death::Torn => End::Died(disk.clone()),
        }
    }

    fn restart(&self, born_ms: i64) -> Option<Restart> {
        self.plan
            .restarts
            .iter()
            .copied()
            .find(|restart| restart.at_ms > born_ms)
    }

    /// What is left of a life; whether the world is over.
    fn bury(&mut self, end: &End) -> std::io::Result<bool> {
        match end {
            End::Over => return Ok(true),
            End::Stopped => {}
            End::Died(disk) => {
                let next = self.folder.path().join(format!("life-{}", self.lives));
                disk.image(&next)?;
                self.place = next;
            }
        }
        let past = self
            .plan
            .restarts
            .iter()
            .rev()
            .find(|restart| restart.at_ms <= self.now_ms);
        self.now_ms += past.map_or(0, |restart| restart.down_ms);
        Ok(self.now_ms >= self.plan.length_ms)
    }

    /// All who do something during a life. It does not end by itself.
    async fn everybody(
        &self,
        peer: &Peer,
        desk: &Desk,
        (source, sky): (Arc<WorldSource>, Option<Arc<WorldSky>>),
        disk: &Disk,
        born_ms: i64,
    ) {
        let console = |name: &str| {
            let wire = Wire::new(peer.clone().into_channel(), self.weather.clone(), None);
            Peer::local(wire).claiming(Claims::default().on_behalf_of(name))
        };
        let screens: Vec<Screen> = vec![Screen::default(), Screen::default()];
        let look = Look {
            peer: peer.clone(),
            desk: desk.clone(),
            source,
            sky: sky.clone(),
            signals: self.signals.clone(),
            screens: screens.clone(),
            mailroom: self.mailroom.clone(),
            caps: self.caps.clone(),
            begun_ms: self.plan.begun_ms,
            longest_ms: self.windows_ms().last().copied().unwrap_or_default(),
        };
        let seed = self.plan.seed.wrapping_add(self.lives << 32);
        let editor = |name: &'static str| Editor {
            name,
            peer: console(name),
            desk: desk.clone(),
            dice: Dice::of(seed, name),
        };
        let editing = async {
            self.first_look(peer, desk).await;
            for channel in mail::channels(self.plan.is_long()) {
                add_channel(&console("anna"), &channel).await;
            }
            self.mailroom.listens(desk.clock.world_ms());
            // Who is first in one instant is decided, too.
            tokio::join!(biased; editor("anna").run(), editor("ben").run());
        };
        let travelling = async {
            for _ in 0..FIRST_ASKS {
                match &sky {
                    Some(sky) if !sky.add(&console("anna")).await => tokio::time::sleep(FIRST_PAUSE).await,
                    _ => return,
                }
            }
        };
        let watching = screens
            .into_iter()
            .map(|screen| watch(console("watcher"), screen, self.bug));
        tokio::join!(
            self.weather_goes(&desk.clock, disk, born_ms),
            editing,
            travelling,
            futures::future::join_all(watching),
            look.clone().observe(),
            self.looks(&look, born_ms),
        );
    }

    /// What is stored when a life begins is what was acknowledged before it.
    async fn first_look(&self, peer: &Peer, desk: &Desk) {
        for _ in 0..FIRST_ASKS {
            let Ok(listed) = peer.sets().list_sets(ListSetsRequest::default()).await else {
                tokio::time::sleep(FIRST_PAUSE).await;
                continue;
            };
            let now_ms = desk.clock.world_ms();
            let outcome = desk.book().audit(&listed.into_inner().sets, now_ms);
            desk.book().forget_open();
            if let Err(words) = outcome {
                desk.notes.fail(now_ms, &format!("after a restart {words}"));
            }
            return;
        }
    }

    async fn weather_goes(&self, clock: &LifeClock, disk: &Disk, born_ms: i64) {
        for change_ms in self.plan.changes().into_iter().filter(|&change_ms| change_ms > born_ms) {
            clock.wait_until(self.plan.begun_ms + change_ms).await;
            self.apply(change_ms);
            let swaps = |&(fault, from_ms): &(Fault, i64)| fault == Fault::FolderSwapped && from_ms == change_ms;
            if self.plan.active(change_ms).iter().any(swaps)
                && let Err(error) = disk.swap(&self.folder.path().join("away"))
            {
                self.notes
                    .fail(clock.world_ms(), &format!("the folder cannot be swapped: {error}"));
            }
        }
        std::future::pending::<()>().await;
    }

    /// What holds in a long world.
    async fn day_goes(&self, look: &Look) -> Result<(), String> {
        let now_ms = look.desk.clock.world_ms();
        let lasted_ms = now_ms - self.plan.begun_ms;
        let (told, runs) = look.timer().await?;
        self.day.check_timer(&told, &runs, now_ms)?;
        Day::check_copies(&self.place, lasted_ms, now_ms)?;
        self.day.check_memory(lasted_ms)
    }

    async fn looks(&self, look: &Look, born_ms: i64) {
        for look_ms in self.plan.looks(born_ms) {
            look.desk.clock.wait_until(self.plan.begun_ms + look_ms - REST_MS).await;
            let _rest = look.desk.rest.write().await;
            look.desk.clock.wait_until(self.plan.begun_ms + look_ms).await;
            let outcome = async {
                look.at_rest().await?;
                if let Some(sky) = &look.sky {
                    let deaths = self
                        .plan
                        .restarts
                        .iter()
                        .map(|restart| self.plan.begun_ms + restart.at_ms);
                    let deaths: Vec<i64> = deaths.collect();
                    sky.check(&look.peer, &deaths, self.plan.remembers()).await?;
                }
                if self.plan.is_long() {
                    self.day_goes(look).await?;
                }
                Ok(())
            };
            let outcome: Result<(), String> = outcome.await;
            if let Err(words) = outcome {
                self.notes.fail(look.desk.clock.world_ms(), &words);
            }
        }
        std::future::pending::<()>().await;
    }
}
