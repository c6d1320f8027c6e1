//! Why a state is what it is, and what is wrong, in the language and by the clock of this console. The service tells the same in
//! English for whoever words nothing himself; what it tells without figures stays as it is.

use sla_domain::{Unit, likelihood, quantity};
use sla_proto::violation::v1::{
    Headline, HeadlineKind, NoOutlook, ObjectiveStatus, Outlook, Overview, Reason, ReasonKind, SeriesStatus,
};

use super::wire;
use crate::format::{Zone, duration};
use crate::say;

/// The clock that times are shown by, and what it shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wall {
    pub(crate) zone: Zone,
    pub(crate) now_ms: i64,
}

impl Wall {
    /// `14:32` and how long ago.
    fn since(self, time_ms: i64) -> (String, String) {
        (self.zone.coming(time_ms, self.now_ms), duration(self.now_ms - time_ms))
    }

    /// All of an overview.
    pub(crate) fn word(self, overview: &mut Overview) {
        let at_ms = wire::ms(overview.evaluated.as_ref()).unwrap_or(self.now_ms);
        let at = Self { now_ms: at_ms, ..self };
        for status in &mut overview.objectives {
            at.word_objective(status);
        }
        if !overview.told.is_empty() {
            overview.headlines = overview.told.iter().map(|told| at.headline(told)).collect();
        }
    }

    fn word_objective(self, status: &mut ObjectiveStatus) {
        if let Some(reason) = &status.reason {
            status.why = self.why(reason);
        }
        if let Some(outlook) = &mut status.outlook {
            self.word_outlook(outlook);
        }
        for series in &mut status.series {
            self.word_series(series);
        }
    }

    /// One series.
    pub(crate) fn word_series(self, series: &mut SeriesStatus) {
        if let Some(reason) = &series.reason {
            series.why = self.why(reason);
        }
        if let Some(outlook) = &mut series.outlook {
            self.word_outlook(outlook);
        }
    }

    /// What is expected.
    pub(crate) fn word_outlook(self, outlook: &mut Outlook) {
        let Some(figures) = &outlook.absence else { return };
        let horizon = wire::span_ms(outlook.horizon.as_ref()).unwrap_or_default();
        outlook.problem = match outlook.no_outlook() {
            NoOutlook::NoHistory => say::reasons::no_history().to_owned(),
            NoOutlook::Silent => {
                let (time, ago) = self.since(wire::ms(figures.newest.as_ref()).unwrap_or(self.now_ms));
                say::reasons::no_data_newest(&time, &ago)
            }
            NoOutlook::HistoryTooShort if figures.needed > 0 => {
                say::reasons::too_few_samples(&figures.samples, &figures.needed)
            }
            NoOutlook::HistoryTooShort => {
                say::reasons::history_too_short(&duration(figures.known_ms), &duration(horizon))
            }
            NoOutlook::TooManySeries => say::reasons::too_many_series(&figures.most),
            NoOutlook::Refused | NoOutlook::Unspecified => return,
        };
    }

    fn why(self, reason: &Reason) -> String {
        let mut words = match reason.kind() {
            ReasonKind::Unspecified => String::new(),
            ReasonKind::WarningBound if reason.side() == sla_proto::violation::v1::Side::Below => {
                say::reasons::below_the_warning_bound().to_owned()
            }
            ReasonKind::WarningBound => say::reasons::above_the_warning_bound().to_owned(),
            ReasonKind::Forecast => {
                let chance = likelihood::fine(reason.probability);
                say::reasons::likely_to_leave(&chance, &duration(reason.horizon_ms))
            }
            ReasonKind::Silent => {
                let (time, ago) = self.since(wire::ms(reason.newest.as_ref()).unwrap_or(self.now_ms));
                say::reasons::newest_sample(&time, &ago)
            }
            ReasonKind::NotFinite => say::reasons::only_nan().to_owned(),
            ReasonKind::NoSeries => say::reasons::no_series().to_owned(),
            ReasonKind::NotRead => match wire::ms(reason.newest.as_ref()) {
                Some(until_ms) => say::reasons::not_read_since(&self.since(until_ms).0),
                None => say::reasons::not_read().to_owned(),
            },
            ReasonKind::NotYet => say::reasons::not_yet(&duration(reason.ahead_ms)),
        };
        if let Some(since_ms) = wire::ms(reason.violated_since.as_ref()) {
            words = say::reasons::when_last_seen(&words, &self.since(since_ms).0);
        }
        if !reason.series.is_empty() {
            words = say::reasons::of_a_series(&reason.series, &words);
        }
        words
    }

    fn headline(self, told: &Headline) -> String {
        let (name, words) = (&told.name, &told.words);
        let why = || {
            told.reason
                .as_ref()
                .map_or_else(|| words.clone(), |reason| self.why(reason))
        };
        let since = wire::ms(told.since.as_ref()).map_or_else(String::new, |since_ms| {
            let (time, ago) = self.since(since_ms);
            say::reasons::since(&time, &ago)
        });
        match told.kind() {
            HeadlineKind::Unspecified | HeadlineKind::Problem => words.clone(),
            HeadlineKind::Source => say::reasons::source_fails(name, &since, words),
            HeadlineKind::Violated => {
                let unit = Unit::guess(&told.metric, told.rate);
                let (bound, worst) = (quantity::exact(told.bound, unit), quantity::short(told.worst, unit));
                say::reasons::violated(name, &wire::side_word(told.side()), &bound, &since, &worst)
            }
            HeadlineKind::NoData => say::reasons::no_data(name, &why()),
            HeadlineKind::AtRisk => say::reasons::at_risk(name, &why()),
            HeadlineKind::NotWatched => say::reasons::not_active(name),
        }
    }
}
