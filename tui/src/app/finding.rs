//! One list of everything: commands, sets, objectives, series, metric names.

use std::collections::HashSet;

use sla_domain::SafeText;

use super::App;
use super::lead::Leads;
use crate::command::{Cmd, palette};
use crate::context::{Jump, wire};
use crate::overlay::{Find, Found, Overlay};

impl App {
    /// Opens the list of everything that is known now; names of the source are asked for meanwhile.
    pub(super) fn find(&mut self) {
        self.cx.want_words("");
        let mut all: Vec<(Found, Leads)> = Vec::new();
        let mut add = |kind: &'static str, text: &str, leads: Leads| {
            let text = SafeText::new(text).into_string();
            all.push((Found { kind, text }, leads));
        };
        for command in palette::matching("", &self.scopes()) {
            let text = format!("{}  {}", command.id, command.title);
            add("command", &text, Leads::Command(command.cmd, None));
        }
        for set in self.cx.sets.rows() {
            add("set", &set.name, Leads::Command(Cmd::SetList, Some(set.name.clone())));
            for objective in set.objectives.iter().filter(|o| !o.id.is_empty()) {
                let jump = Jump::Past {
                    set_id: set.id.clone(),
                    objective_id: objective.id.clone(),
                };
                let text = format!("{} ({})", wire::objective_name(objective), set.name);
                add("objective", &text, Leads::Place(jump));
            }
        }
        let mut seen: HashSet<&[u8]> = HashSet::new();
        let objectives = self.cx.overview.get().map_or(&[][..], |o| o.objectives.as_slice());
        let watched = objectives.iter().flat_map(|status| &status.series);
        for series in watched.filter_map(|status| status.series.as_ref()) {
            if seen.insert(&series.id) {
                let title = format!("{} {}", wire::series_name(series), wire::series_labels(series));
                let jump = Jump::Chart {
                    query: wire::series_query(series),
                    series_id: series.id.clone(),
                    title: title.trim().to_owned(),
                    at_ms: None,
                };
                add("series", &wire::series_promql(series), Leads::Place(jump));
            }
        }
        for (text, jump) in self.screens.iter().flat_map(|screen| screen.series()) {
            let known = matches!(&jump, Jump::Chart { series_id, .. } if seen.contains(&series_id[..]));
            if !known {
                add("series", &text, Leads::Place(jump));
            }
        }
        for name in self.cx.vocabulary.names() {
            add("metric", name, Leads::Place(Jump::Series(name.to_owned())));
        }
        let (entries, leads) = all.into_iter().unzip();
        self.found = leads;
        self.overlay = Some(Overlay::Find(Find::new(entries)));
    }

    /// Enter in the list.
    pub(super) fn take_found(&mut self, find: &Find) {
        let leads = find.current().and_then(|at| self.found.get(at).cloned());
        self.found = Vec::new();
        match leads {
            Some(Leads::Command(cmd, argument)) => self.run(cmd, argument),
            Some(Leads::Place(jump)) => self.cx.jump = Some(jump),
            None => {}
        }
    }
}
