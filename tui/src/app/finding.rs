//! One list of everything: series, sets, objectives, commands, metric names.

use std::collections::HashSet;
use std::fmt::Write as _;

use sla_domain::SafeText;
use sla_proto::etl::v1::{ListSeriesRequest, ListSeriesResponse};
use sla_proto::series::v1::Series;

use super::App;
use super::lead::{Leads, Searched};
use crate::command::{Cmd, palette};
use crate::context::request::{Answer, Reply, RequestId, Slot};
use crate::context::{Jump, wire};
use crate::overlay::{Find, Found, Overlay};
use crate::say;

/// Series of the server that are listed, and metrics that they are looked for in.
const SERIES_MAX: u32 = 500;
const METRICS_MAX: usize = 20;
/// Letters from which on the server is asked.
const LETTERS_MIN: usize = 2;

impl App {
    /// Opens the list of everything that is known now; names of the source are asked for meanwhile.
    pub(super) fn find(&mut self) {
        self.cx.want_words("");
        self.searched = Searched::default();
        let entries = self.everything();
        self.overlay = Some(Overlay::Find(Find::new(entries)));
    }

    /// What can be found, and where each entry leads.
    fn everything(&mut self) -> Vec<Found> {
        let mut all: Vec<(Found, Leads)> = Vec::new();
        let mut add = |kind: &'static str, text: &str, leads: Leads| {
            let text = SafeText::new(text).into_string();
            all.push((Found { kind, text }, leads));
        };
        let mut seen: HashSet<&[u8]> = HashSet::new();
        let objectives = self.cx.overview.get().map_or(&[][..], |o| o.objectives.as_slice());
        let watched = objectives.iter().flat_map(|status| &status.series);
        let watched = watched.filter_map(|status| status.series.as_ref());
        let at_server: Vec<&Series> = self.searched.series.iter().collect();
        for series in watched.filter(|series| seen.insert(&series.id)) {
            add(
                say::notices::series(),
                &wire::series_promql(series),
                Leads::Place(chart_of(series)),
            );
        }
        for (text, jump) in self.screens.iter().flat_map(|screen| screen.series()) {
            let known = matches!(&jump, Jump::Chart { series_id, .. } if seen.contains(&series_id[..]));
            let listed = matches!(&jump, Jump::Chart { series_id, .. } if at_server.iter().any(|s| s.id == *series_id));
            if !known && !listed {
                add(say::notices::series(), &text, Leads::Place(jump));
            }
        }
        for series in at_server.into_iter().filter(|series| seen.insert(&series.id)) {
            add(
                say::notices::series(),
                &wire::series_promql(series),
                Leads::Place(chart_of(series)),
            );
        }
        for set in self.cx.sets.rows() {
            add(
                say::notices::set(),
                &set.name,
                Leads::Command(Cmd::SetList, Some(set.name.clone())),
            );
        }
        for set in self.cx.sets.rows() {
            for objective in set.objectives.iter().filter(|o| !o.id.is_empty()) {
                let jump = Jump::Past {
                    set_id: set.id.clone(),
                    objective_id: objective.id.clone(),
                };
                let text = format!("{} ({})", wire::objective_name(objective), set.name);
                add(say::notices::objective(), &text, Leads::Place(jump));
            }
        }
        for command in palette::matching("", &self.screen().scopes()) {
            let text = format!("{}  {}", command.id, command.title());
            add(say::notices::command(), &text, Leads::Command(command.cmd, None));
        }
        for name in self.cx.vocabulary.names() {
            add(
                say::notices::metric(),
                name,
                Leads::Place(Jump::Series(name.to_owned())),
            );
        }
        let (entries, leads) = all.into_iter().unzip();
        self.found = leads;
        entries
    }

    /// More is known than when the list was opened.
    pub(super) fn find_again(&mut self) {
        if !matches!(self.overlay, Some(Overlay::Find(_))) {
            return;
        }
        let entries = self.everything();
        if let Some(Overlay::Find(find)) = &mut self.overlay {
            find.replace(entries);
        }
    }

    /// Typing has rested: the server is asked for the series of the metrics that the first word may mean.
    pub(super) fn search_when_due(&mut self) {
        let now_ms = self.cx.now.mono_ms;
        let Some(Overlay::Find(find)) = &mut self.overlay else {
            return;
        };
        if find.ask_at_ms.take_if(|at| *at <= now_ms).is_none() {
            return;
        }
        let typed = find.field.value().to_owned();
        let names: Vec<&str> = self.cx.vocabulary.names().collect();
        let selector = selector_of(&typed, &names);
        if selector.is_empty() || selector == self.searched.selector || !self.is_connected() {
            return;
        }
        let request = ListSeriesRequest {
            query: Some(wire::query_from_text(&selector)),
            page_size: SERIES_MAX,
            page_token: String::new(),
        };
        let id = self.cx.call(Slot::FindSeries, request);
        self.searched.selector = selector;
        self.searched.pending = Some(id);
        self.say_found(say::notices::asking_the_server_for().to_owned());
    }

    pub(super) fn search_told(&mut self, id: RequestId, result: Answer) {
        if self.searched.pending.take_if(|pending| *pending == id).is_none() {
            return;
        }
        match result.and_then(Reply::take::<ListSeriesResponse>) {
            Ok(told) => {
                let (read, total) = (told.series.len(), told.total as usize);
                self.searched.series = told.series;
                self.say_found(if read < total {
                    say::notices::of_series_of_the(&read, &total)
                } else {
                    say::notices::series_of_the_server(&total)
                });
                self.find_again();
            }
            Err(problem) => {
                self.searched.selector.clear();
                self.say_found(say::notices::series_of_the_server_2(&problem.sentence()));
            }
        }
    }

    fn say_found(&mut self, words: String) {
        if let Some(Overlay::Find(find)) = &mut self.overlay {
            find.told = words;
        }
    }

    /// Enter in the list.
    pub(super) fn take_found(&mut self, find: &Find) {
        let leads = find.current().and_then(|at| self.found.get(at).cloned());
        self.found = Vec::new();
        self.searched = Searched::default();
        match leads {
            Some(Leads::Command(cmd, argument)) => self.run(cmd, argument),
            Some(Leads::Place(jump)) => self.cx.jump = Some(jump),
            None => {}
        }
    }
}

fn chart_of(series: &Series) -> Jump {
    let title = format!("{} {}", wire::series_name(series), wire::series_labels(series));
    Jump::Chart {
        query: wire::series_query(series),
        series_id: series.id.clone(),
        title: title.trim().to_owned(),
        at_ms: None,
    }
}

/// The selector of the series that are meant: metrics that begin with the first word, else such that hold it; words such as
/// `instance=db-1` are matchers. Empty while too little is typed or no metric matches.
fn selector_of(typed: &str, names: &[&str]) -> String {
    let mut words = typed.split_whitespace();
    let Some(first) = words.next().filter(|word| word.chars().count() >= LETTERS_MIN) else {
        return String::new();
    };
    let first = first.to_lowercase();
    let begins = |name: &&&str| name.to_lowercase().starts_with(&first);
    let holds = |name: &&&str| name.to_lowercase().contains(&first);
    let mut meant: Vec<&str> = names.iter().filter(begins).copied().collect();
    if meant.is_empty() {
        meant = names.iter().filter(holds).copied().collect();
    }
    if meant.is_empty() {
        return String::new();
    }
    // The shortest is what was most likely meant.
    meant.sort_by_key(|name| (name.len(), *name));
    meant.truncate(METRICS_MAX);
    let quoted = |text: &str| regex::escape(text).replace('\\', "\\\\").replace('"', "\\\"");
    let metrics: Vec<String> = meant.into_iter().map(quoted).collect();
    let mut selector = format!("{{__name__=~\"{}\"", metrics.join("|"));
    for (label, value) in words.filter_map(|word| word.split_once('=')) {
        let is_name = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && label.chars().next().is_some_and(|c| !c.is_ascii_digit());
        if is_name && !value.is_empty() {
            let _ = write!(selector, ",{label}=~\"(?i).*{}.*\"", quoted(value));
        }
    }
    selector + "}"
}

#[cfg(test)]
mod tests {
    use super::selector_of;

    #[test]
    fn the_first_word_names_metrics_and_others_may_name_labels() {
        let names = ["node_load1", "node_load15", "node_memory_bytes", "up", "http.requests"];
        assert_eq!(selector_of("n", &names), "", "one letter asks for nothing");
        assert_eq!(selector_of("zz", &names), "");
        assert_eq!(selector_of("node_l", &names), "{__name__=~\"node_load1|node_load15\"}");
        assert_eq!(
            selector_of("LOAD15", &names),
            "{__name__=~\"node_load15\"}",
            "what holds it, too"
        );
        assert_eq!(
            selector_of("up instance=db-1 host", &names),
            "{__name__=~\"up\",instance=~\"(?i).*db\\\\-1.*\"}"
        );
        assert_eq!(selector_of("http", &names), "{__name__=~\"http\\\\.requests\"}");
        assert_eq!(selector_of("up bad-label=x =y z=", &names), "{__name__=~\"up\"}");
        let hostile = selector_of("up a=\"}\\", &names);
        assert!(sla_domain::Query::parse_selector(&hostile).is_ok(), "{hostile}");
    }
}
