//! The set being edited: changes, undo, and what differs from somebody else's version.

use sla_domain::Unit;
use sla_domain::quantity::exact;
use sla_proto::objective::v1::{AllowedRange, Objective, SlaSet};
use sla_proto::series::v1::Query;

use crate::command::Cmd;
use crate::context::wire;
use crate::say;

/// Changes that can be taken back.
const UNDO_MAX: usize = 100;

/// Which bound `+` and `-` move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Bound {
    Min,
    #[default]
    Max,
}

impl Bound {
    pub(crate) fn other(self) -> Self {
        if self == Self::Min { Self::Max } else { Self::Min }
    }

    pub(crate) fn word(self) -> &'static str {
        if self == Self::Min { "min" } else { "max" }
    }

    /// Of a range with one bound it is that one, whichever was chosen.
    pub(crate) fn of(self, range: &AllowedRange) -> Self {
        match (range.min, range.max) {
            (Some(_), None) => Self::Min,
            (None, Some(_)) => Self::Max,
            _ => self,
        }
    }
}

/// A bound of an objective of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Aim {
    pub(super) set_id: String,
    pub(super) objective_id: String,
    pub(super) bound: Bound,
}

/// What is being written.
#[derive(Debug)]
pub(crate) enum Writing {
    /// A set that was not there: a new one, or a copy.
    Fresh,
    /// One thing by itself, not the draft.
    Alone,
    /// The draft as it was after so many changes.
    Draft { sent: SlaSet, steps: usize },
    /// The set of this id is deleted.
    Deletion(String),
}

/// A command about the bounds of a series: series, command, argument.
pub(super) type Early = (Vec<u8>, Cmd, Option<String>);

/// A set with changes that are not saved.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) set: SlaSet,
    stored: SlaSet,
    undo: Vec<SlaSet>,
    redo: Vec<SlaSet>,
}

impl Draft {
    pub(crate) fn new(set: SlaSet) -> Self {
        Self {
            stored: set.clone(),
            set,
            undo: Vec::new(),
            redo: Vec::new(),
        }
    }

    /// As the server has it.
    pub(crate) fn stored(&self) -> &SlaSet {
        &self.stored
    }

    /// Something of the set was saved by itself: what is being edited stays as it is.
    pub(crate) fn rebase(&mut self, saved: SlaSet) {
        let old = std::mem::replace(&mut self.stored, saved);
        let new = &self.stored;
        let edits = self.undo.iter_mut().chain(&mut self.redo);
        for set in edits.chain(std::iter::once(&mut self.set)) {
            set.version = new.version;
            set.active = new.active;
            if set.name == old.name {
                set.name.clone_from(&new.name);
            }
        }
    }

    /// How many changes can be taken back.
    pub(crate) fn steps(&self) -> usize {
        self.undo.len()
    }

    /// What was sent after `steps` changes is stored as `saved`. What was edited meanwhile stays, and is not saved.
    pub(crate) fn saved(&mut self, sent: &SlaSet, steps: usize, saved: SlaSet) {
        if self.set.objectives == sent.objectives {
            *self = Self::new(saved);
            return;
        }
        self.undo.drain(..steps.min(self.undo.len()));
        let edits = self.undo.iter_mut().chain(&mut self.redo);
        for objective in edits.chain([&mut self.set]).flat_map(|set| &mut set.objectives) {
            let place = |found: &dyn Fn(&Objective) -> bool| sent.objectives.iter().position(found);
            if let Some(now) = place(&|sent| sent == objective).and_then(|at| saved.objectives.get(at)) {
                objective.clone_from(now);
            } else if objective.id.is_empty()
                && let Some(now) = place(&|sent| sent.name == objective.name).and_then(|at| saved.objectives.get(at))
            {
                // It was new when it was sent.
                objective.id.clone_from(&now.id);
            }
        }
        self.rebase(saved);
    }

    pub(crate) fn is_dirty(&self) -> bool {
        self.set.objectives != self.stored.objectives
            || self.set.name != self.stored.name
            || self.set.active != self.stored.active
    }

    pub(crate) fn can_undo(&self) -> bool {
        !self.undo.is_empty()
    }

    pub(crate) fn can_redo(&self) -> bool {
        !self.redo.is_empty()
    }

    /// How many objectives differ from what is stored, added and removed ones too.
    pub(crate) fn changes(&self) -> usize {
        let changed = self
            .set
            .objectives
            .iter()
            .filter(|o| !self.stored.objectives.contains(o))
            .count();
        let kept = |o: &Objective| self.set.objectives.iter().any(|n| !n.id.is_empty() && n.id == o.id);
        let removed = self.stored.objectives.iter().filter(|o| !kept(o)).count();
        changed + removed + usize::from(self.set.name != self.stored.name || self.set.active != self.stored.active)
    }

    pub(crate) fn change(&mut self, edit: impl FnOnce(&mut SlaSet)) {
        let before = self.set.clone();
        edit(&mut self.set);
        if self.set != before {
            if self.undo.len() == UNDO_MAX {
                self.undo.remove(0);
            }
            self.undo.push(before);
            self.redo.clear();
        }
    }

    /// Back to what is stored; undo brings the changes back.
    pub(crate) fn revert(&mut self) {
        let stored = self.stored.clone();
        self.change(|set| {
            *set = SlaSet {
                version: set.version,
                ..stored
            }
        });
    }

    pub(crate) fn undo(&mut self) {
        if let Some(before) = self.undo.pop() {
            let undone = self.step_to(before);
            self.redo.push(undone);
        }
    }

    pub(crate) fn redo(&mut self) {
        if let Some(again) = self.redo.pop() {
            let before = self.step_to(again);
            self.undo.push(before);
        }
    }

    fn step_to(&mut self, set: SlaSet) -> SlaSet {
        // The version is what was read, not an edit.
        let version = self.set.version;
        std::mem::replace(&mut self.set, SlaSet { version, ..set })
    }

    /// Replaces the n-th objective, or appends it.
    pub(crate) fn put(&mut self, at: usize, objective: Objective) {
        self.change(|set| match set.objectives.get_mut(at) {
            Some(have) => *have = objective,
            None => set.objectives.push(objective),
        });
    }

    /// Takes the n-th objectives out, as one change.
    pub(crate) fn remove_all(&mut self, all: &[usize]) {
        self.change(|set| {
            let mut at = 0;
            set.objectives.retain(|_| {
                at += 1;
                !all.contains(&(at - 1))
            });
        });
    }

    /// Several edits as one change; none of them where one is refused.
    fn change_all(
        &mut self,
        all: &[usize],
        mut edit: impl FnMut(&mut Self, usize) -> Result<(), String>,
    ) -> Result<(), String> {
        let (before, undo, redo) = (self.set.clone(), self.undo.clone(), self.redo.clone());
        for at in all {
            if let Err(why) = edit(self, *at) {
                let name = self
                    .set
                    .objectives
                    .get(*at)
                    .map_or_else(String::new, |o| o.name.clone());
                (self.set, self.undo, self.redo) = (before, undo, redo);
                return Err(if all.len() > 1 {
                    say::sets::nothing_was_changed(&name, &why)
                } else {
                    why
                });
            }
        }
        if self.set != before {
            self.undo = undo;
            if self.undo.len() == UNDO_MAX {
                self.undo.remove(0);
            }
            self.undo.push(before);
        }
        Ok(())
    }

    /// Moves a bound of several objectives, each by one step of its own size.
    pub(crate) fn move_bounds(&mut self, all: &[usize], bound: Bound, by: f64) -> Result<(), String> {
        self.change_all(all, |draft, at| draft.move_bound(at, bound, by))
    }

    /// Sets a bound of several objectives, or takes it away.
    pub(crate) fn set_bounds(&mut self, all: &[usize], bound: Bound, value: Option<f64>) -> Result<(), String> {
        self.change_all(all, |draft, at| {
            let range = draft.set.objectives.get(at).and_then(|o| o.range).unwrap_or_default();
            let limit = if bound == Bound::Min { range.max } else { range.min };
            let crossed = value.zip(limit).is_some_and(|(value, limit)| match bound {
                Bound::Min => value > limit,
                Bound::Max => value < limit,
            });
            if crossed {
                return Err(say::sets::would_cross_the_other(&bound.word()));
            }
            if value.is_none() && limit.is_none() {
                return Err(say::sets::a_range_needs_one().to_owned());
            }
            draft.change(|set| put_bound(set, at, bound, value));
            Ok(())
        })
    }

    /// Adds what is not there yet; returns the names of the new ones.
    pub(crate) fn add(&mut self, objectives: Vec<(Query, String)>) -> Vec<String> {
        let mut added = Vec::new();
        self.change(|set| {
            for (query, name) in objectives {
                if set.objectives.iter().any(|o| o.query.as_ref() == Some(&query)) {
                    continue;
                }
                let mut unique = name.clone();
                let mut n = 2;
                while set.objectives.iter().any(|o| o.name == unique) {
                    unique = format!("{name} {n}");
                    n += 1;
                }
                added.push(unique.clone());
                set.objectives.push(Objective {
                    name: unique,
                    query: Some(query),
                    ..Objective::default()
                });
            }
        });
        added
    }

    pub(crate) fn set_range(&mut self, name: &str, range: AllowedRange) {
        self.change(|set| {
            if let Some(objective) = set.objectives.iter_mut().find(|o| o.name == name) {
                objective.range = Some(range);
                objective.suggested = true;
            }
        });
    }

    /// Moves a bound by one step of its own size; says why when it cannot.
    pub(crate) fn move_bound(&mut self, at: usize, bound: Bound, by: f64) -> Result<(), String> {
        let range = self.set.objectives.get(at).and_then(|o| o.range).unwrap_or_default();
        let bound = bound.of(&range);
        let (value, limit) = match bound {
            Bound::Min => (range.min, range.max),
            Bound::Max => (range.max, range.min),
        };
        let Some(value) = value else {
            return Err(say::sets::there_is_no_bound().to_owned());
        };
        let step = step_of(value);
        let moved = ((value + by * step) / step).round() * step;
        // The shortest decimal, not the sum of its roundings.
        let moved = format!("{moved:.12e}").parse().unwrap_or(moved);
        let crossed = match bound {
            Bound::Min => limit.is_some_and(|max| moved > max),
            Bound::Max => limit.is_some_and(|min| moved < min),
        };
        if crossed {
            return Err(say::sets::would_cross_the_other(&bound.word()));
        }
        self.change(|set| put_bound(set, at, bound, Some(moved)));
        Ok(())
    }

    /// What differs between this draft and the version that somebody else saved.
    pub(crate) fn conflict_lines(&self, theirs: &SlaSet) -> Vec<String> {
        let by = if theirs.author.is_empty() {
            say::sets::somebody().to_owned()
        } else {
            theirs.author.clone()
        };
        let mut lines = vec![
            say::sets::saved_version_yours_stands(&by, &theirs.version, &self.stored.version),
            String::new(),
        ];
        let describe = |o: &Objective| {
            format!(
                "{} {}",
                wire::range_text(o.range.as_ref(), wire::objective_unit(o)),
                wire::query_text(o.query.as_ref())
            )
        };
        for ours in &self.set.objectives {
            match theirs.objectives.iter().find(|t| t.name == ours.name) {
                Some(other) if describe(other) != describe(ours) => {
                    lines.push(format!("  {}", ours.name));
                    lines.push(say::sets::yours(&describe(ours)));
                    lines.push(say::sets::theirs(&describe(other)));
                }
                Some(_) => {}
                None => lines.push(say::sets::only_in_yours(&ours.name)),
            }
        }
        for other in theirs
            .objectives
            .iter()
            .filter(|t| !self.set.objectives.iter().any(|o| o.name == t.name))
        {
            lines.push(say::sets::only_in_theirs(&other.name));
        }
        lines.push(String::new());
        lines.push(say::sets::nothing_was_saved_esc().to_owned());
        lines.push(say::sets::u_takes_your_changes().to_owned());
        lines
    }
}

/// Gives the n-th objective a bound, or takes it away.
fn put_bound(set: &mut SlaSet, at: usize, bound: Bound, value: Option<f64>) {
    let Some(objective) = set.objectives.get_mut(at) else {
        return;
    };
    let range = objective.range.get_or_insert_default();
    match bound {
        Bound::Min => range.min = value,
        Bound::Max => range.max = value,
    }
    // Warnings outside the new range would be refused on save.
    range.warn_below = range.warn_below.filter(|w| range.min.is_none_or(|m| *w >= m));
    range.warn_above = range.warn_above.filter(|w| range.max.is_none_or(|m| *w <= m));
    objective.suggested = false;
}

/// One step of a bound: two digits below its size.
fn step_of(value: f64) -> f64 {
    if value == 0.0 {
        return 0.1;
    }
    10_f64.powf(value.abs().log10().floor() - 1.0)
}

/// A bound as it can be typed again.
pub(crate) fn bound_text(value: Option<f64>, unit: Unit) -> String {
    value.map(|value| exact(value, unit)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(min: Option<f64>, max: Option<f64>) -> Draft {
        let range = AllowedRange {
            min,
            max,
            ..AllowedRange::default()
        };
        let objective = Objective {
            id: "a".into(),
            name: "load".into(),
            range: Some(range),
            ..Objective::default()
        };
        Draft::new(SlaSet {
            objectives: vec![objective],
            version: 3,
            ..SlaSet::default()
        })
    }

    fn max(draft: &Draft) -> f64 {
        draft.set.objectives[0].range.unwrap().max.unwrap()
    }

    #[test]
    fn steps_follow_the_size_and_stay_decimal() {
        let mut d = draft(None, Some(4.0));
        for _ in 0..3 {
            d.move_bound(0, Bound::Max, 1.0).unwrap();
        }
        assert_eq!(max(&d), 4.3);
        let mut d = draft(None, Some(3.9e9));
        d.move_bound(0, Bound::Max, 1.0).unwrap();
        assert_eq!(max(&d), 4.0e9);
    }

    #[test]
    fn the_only_bound_is_moved_whichever_was_chosen() {
        let mut d = draft(Some(4.0), None);
        d.move_bound(0, Bound::Max, 1.0).unwrap();
        assert_eq!(d.set.objectives[0].range.unwrap().min, Some(4.1));
        assert!(
            draft(None, None)
                .move_bound(0, Bound::Max, 1.0)
                .unwrap_err()
                .contains("Enter sets one")
        );
    }

    #[test]
    fn what_is_saved_by_itself_leaves_the_edits_alone() {
        let mut d = draft(None, Some(4.0));
        d.move_bound(0, Bound::Max, 1.0).unwrap();
        d.rebase(SlaSet {
            active: true,
            version: 4,
            ..d.stored().clone()
        });
        assert_eq!((max(&d), d.set.version, d.set.active, d.changes()), (4.1, 4, true, 1));
        d.undo();
        assert!(!d.is_dirty() && d.set.active, "what was undone is not the saving");
        d.redo();
        assert_eq!(max(&d), 4.1);
        d.revert();
        assert!(!d.is_dirty() && d.can_undo(), "a revert can be taken back");
    }

    #[test]
    fn undo_brings_back_and_changes_are_counted() {
        let mut d = draft(None, Some(4.0));
        assert!(!d.is_dirty() && !d.can_undo());
        d.move_bound(0, Bound::Max, 1.0).unwrap();
        d.remove_all(&[0]);
        assert_eq!(d.changes(), 1, "one objective is gone");
        d.undo();
        d.undo();
        assert!(!d.is_dirty());
        assert_eq!(max(&d), 4.0);
    }

    #[test]
    fn a_bound_does_not_cross() {
        let mut d = draft(Some(3.9), Some(4.0));
        assert!(d.move_bound(0, Bound::Max, -1.0).is_ok());
        assert!(d.move_bound(0, Bound::Max, -1.0).is_err());
    }

    #[test]
    fn several_objectives_are_one_change_or_none() {
        let mut d = draft(None, Some(4.0));
        let second = Objective {
            name: "mem".into(),
            range: Some(AllowedRange {
                min: Some(2.0),
                max: Some(8.0),
                ..AllowedRange::default()
            }),
            ..Objective::default()
        };
        d.put(1, second);
        d.set_bounds(&[0, 1], Bound::Max, Some(9.0)).unwrap();
        let maxima = |d: &Draft| {
            d.set
                .objectives
                .iter()
                .map(|o| o.range.unwrap().max.unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(maxima(&d), [9.0, 9.0]);
        d.undo();
        assert_eq!(maxima(&d), [4.0, 8.0], "one step back");
        let why = d.set_bounds(&[0, 1], Bound::Max, Some(1.0)).unwrap_err();
        assert!(
            why.starts_with("mem: ") && why.ends_with("nothing was changed"),
            "{why}"
        );
        assert_eq!(maxima(&d), [4.0, 8.0]);
        assert!(d.set_bounds(&[0], Bound::Max, None).unwrap_err().contains("one bound"));
        d.move_bounds(&[0, 1], Bound::Max, 1.0).unwrap();
        assert_eq!(maxima(&d), [4.1, 8.1]);
        d.remove_all(&[0, 1]);
        assert!(d.set.objectives.is_empty());
        d.undo();
        d.undo();
        assert_eq!(maxima(&d), [4.0, 8.0]);
    }

    #[test]
    fn added_objectives_get_names_of_their_own() {
        let mut d = draft(None, Some(4.0));
        let query = |text: &str| wire::query_from_text(text);
        let added = d.add(vec![
            (query("a"), "load".into()),
            (query("b"), "load".into()),
            (query("a"), "again".into()),
        ]);
        assert_eq!(added, ["load 2", "load 3"]);
    }

    #[test]
    fn a_conflict_shows_both_sides() {
        let mut d = draft(None, Some(4.0));
        let mut theirs = d.set.clone();
        theirs.version = 4;
        theirs.author = "anna".into();
        theirs.objectives[0].range = Some(AllowedRange {
            max: Some(9.0),
            ..AllowedRange::default()
        });
        d.move_bound(0, Bound::Max, 1.0).unwrap();
        let text = d.conflict_lines(&theirs).join("\n");
        assert!(
            text.contains("anna") && text.contains("max 4.1") && text.contains("max 9"),
            "{text}"
        );
    }
}
