//! The tabs. Each has its rows, its update and its view.

mod future;
mod instance;
mod metrics;
mod now;
mod past;
mod past_words;
mod phase;
mod provenance;
mod runs;
mod samples;
mod screen;
mod sets;
mod table_file;
mod trust;
mod usual;
mod weather;

pub(crate) use screen::Screen;

use crate::command::Tab;
use crate::remembered::Remembered;

/// All of them, in the order of the tabs.
pub(crate) fn all(remembered: &Remembered, editor: bool) -> [Box<dyn Screen>; Tab::ALL.len()] {
    [
        Box::new(now::NowScreen::new(remembered)),
        Box::new(metrics::MetricsScreen::new(remembered)),
        Box::new(sets::SetsScreen::new(remembered, editor)),
        Box::new(past::PastScreen::new(remembered)),
        Box::new(future::FutureScreen::new(remembered)),
        Box::new(runs::RunsScreen::default()),
        Box::new(weather::WeatherScreen::new(remembered)),
    ]
}
