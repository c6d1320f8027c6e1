//! What a picture must say, held against what the console was told.

use serde_json::Value;
use sla_testkit::estate::{Judged, Sign};

use super::super::frames;
use super::model::{Model, Reached};
use super::picture::{NowLine, Picture, SetLine};
use crate::app::App;
use crate::command::{Scope, Tab};
use crate::say;

/// From this size on nothing of a table is left out or shortened.
const WHOLE: (u16, u16) = (160, 60);
/// From this width on names and states stand whole.
const WIDE: u16 = 120;
/// Below this there is one line.
const SMALL: (u16, u16) = (30, 8);
/// From this age on data are called old, milliseconds.
const OLD_MS: i64 = 60_000;

fn mark(sign: Sign) -> char {
    match sign {
        Sign::Violated => '✗',
        Sign::NoData => '?',
        Sign::AtRisk => '▲',
        Sign::Unproven => '◇',
        Sign::Ok => '✓',
    }
}

/// All of it.
pub(super) fn picture(app: &App, model: &Model, rows: &[String]) -> Result<(), String> {
    let (width, height) = app.cx.size;
    frames::check(rows, width, height, "a walk");
    let list = app.list();
    if list.current().is_some() == list.shown().is_empty() {
        return Err("the cursor stands on no row, or on one of none".to_owned());
    }
    let seen = Picture::of(rows, width);
    if width < SMALL.0 || height < SMALL.1 {
        if model.reached == Reached::Now {
            header(model, &seen)?;
        }
        return Ok(());
    }
    // What lies over a screen may lie over its first lines, too.
    if app.overlay.is_some() || app.pending.is_some() {
        return Ok(());
    }
    header(model, &seen)?;
    age(app, model, rows)?;
    headline(model, &seen)?;
    match app.tab {
        Tab::Now if !app.scopes().contains(&Scope::Timeline) => now(app, model, &seen),
        Tab::Sets => set(app, model, &seen),
        _ => Ok(()),
    }
}

/// Counts are those of what was told; what does not fit is left out, and never another number.
fn header(model: &Model, seen: &Picture) -> Result<(), String> {
    let (counts, at_edge) = seen.counts();
    let told = |sign| model.told.as_ref().map_or(0, |told| told.count(sign));
    let wanted = Sign::ALL.map(|sign| (mark(sign), told(sign)));
    for (mark, wanted) in wanted.into_iter().chain([('⏸', model.not_watched())]) {
        match counts.get(&mark) {
            Some(shown) if model.told.is_none() => return Err(format!("{mark} {shown} and nothing was told")),
            Some(shown) if *shown != wanted => return Err(format!("{mark} is counted {shown} times, it is {wanted}")),
            None if wanted > 0 && model.told.is_some() && !at_edge => {
                return Err(format!("{mark} is not counted, it is {wanted}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Data that are old are called so.
fn age(app: &App, model: &Model, rows: &[String]) -> Result<(), String> {
    let Some(told) = model.told.as_ref().filter(|_| app.cx.size.0 >= WIDE) else {
        return Ok(());
    };
    let words = say::frame::stale(&"", &"");
    let word = words.split_whitespace().next().unwrap_or_default();
    let is_old = app.cx.now.wall_ms - told.at_ms > OLD_MS;
    if rows[0].contains(word) == is_old {
        return Ok(());
    }
    Err(format!("data of {} ms ago", app.cx.now.wall_ms - told.at_ms))
}

/// The line that says what is wrong reads no better than the worst that was told.
fn headline(model: &Model, seen: &Picture) -> Result<(), String> {
    let shown = seen.headline();
    let told = model.told.as_ref();
    let worst = told.and_then(|told| told.objectives.values().map(|one| one.sign).min());
    let wanted = match (model.reached, told, worst) {
        (Reached::NoLonger, ..) => '✗',
        (Reached::Now, Some(told), _) if told.is_away => '✗',
        (Reached::Now, Some(_), None) if model.not_watched() > 0 => '⏸',
        (Reached::Now, Some(_), Some(worst)) => mark(worst),
        _ => '·',
    };
    let failed = model.server_failed && shown == Some('✗');
    if shown == Some(wanted) || failed {
        return Ok(());
    }
    Err(format!(
        "the line of what is wrong begins with {shown:?}, wanted is {wanted}"
    ))
}

fn cursors(lines: impl Iterator<Item = bool>) -> Result<(), String> {
    let lines: Vec<bool> = lines.collect();
    let count = lines.iter().filter(|cursor| **cursor).count();
    if lines.is_empty() || count == 1 {
        return Ok(());
    }
    Err(format!("{count} cursors in a table of {} rows", lines.len()))
}

/// The rows of the first screen are those that were told, each as it stands.
fn now(app: &App, model: &Model, seen: &Picture) -> Result<(), String> {
    let (Some(told), Some(lines)) = (&model.told, seen.now()) else {
        return Ok(());
    };
    let has_marks = |line: &NowLine| super::picture::MARKS.contains(&line.mark);
    let lines: Vec<NowLine> = lines.into_iter().filter(has_marks).collect();
    if !app.list().shown().is_empty() {
        cursors(lines.iter().map(|line| line.cursor))?;
    }
    if app.cx.size.0 >= WIDE {
        for line in lines.iter().filter(|line| line.fold.is_none() && line.mark != '⏸') {
            now_line(told.objectives.values(), line)?;
        }
    }
    let (width, height) = app.cx.size;
    if width < WHOLE.0 || height < WHOLE.1 || !app.list().filter().text().is_empty() {
        return Ok(());
    }
    for sign in Sign::ALL {
        let of_mark = || lines.iter().filter(|line| line.mark == mark(sign));
        let single = of_mark().filter(|line| line.fold.is_none()).count();
        // A fold that is open stands above its rows.
        let open = lines.iter().any(|line| line.nested && line.mark == mark(sign));
        let folded: usize = of_mark().filter_map(|line| line.fold).sum();
        let shown = single + if open { 0 } else { folded };
        let wanted = told.count_series(sign);
        if shown != wanted {
            return Err(format!("{} stands in {shown} rows, it is {wanted} series", mark(sign)));
        }
    }
    let paused: usize = lines
        .iter()
        .filter(|line| line.mark == '⏸')
        .filter_map(|line| line.fold)
        .sum();
    if paused != model.not_watched() {
        return Err(format!("{paused} are told as not watched, {} are", model.not_watched()));
    }
    Ok(())
}

fn now_line<'t>(objectives: impl Iterator<Item = &'t Judged>, line: &NowLine) -> Result<(), String> {
    let machine = line.place.split(' ').next().unwrap_or_default();
    let is_named = |one: &&Judged| line.what == one.name || line.what == format!("{} ({})", one.name, one.set);
    let signs = objectives.filter(is_named).map(|one| {
        let sign = one.series.get(machine).copied();
        sign.unwrap_or(one.sign)
    });
    let signs: Vec<Sign> = signs.collect();
    // A name that was shortened, or is told of something that was read before.
    if line.what.contains('…') || signs.iter().any(|sign| mark(*sign) == line.mark) {
        return Ok(());
    }
    Err(format!(
        "{} {} is shown {}, told was {signs:?}",
        line.what, line.place, line.mark
    ))
}

/// The rows of the open set say of each objective what was told of it.
fn set(app: &App, model: &Model, seen: &Picture) -> Result<(), String> {
    let (Some(told), Some(sets), Some((info, lines))) = (&model.told, &model.sets, seen.set()) else {
        return Ok(());
    };
    if app.cx.size.0 < WIDE {
        return Ok(());
    }
    let is_row = |line: &&SetLine| super::picture::MARKS.contains(&line.mark) || line.mark == '…';
    let lines: Vec<&SetLine> = lines.iter().filter(is_row).collect();
    cursors(lines.iter().map(|line| line.cursor))?;
    // Where the list is old the line says that and no name.
    let is_edited = super::model::kept(app).is_some() || app.scopes().contains(&Scope::Form);
    if is_edited || app.cx.sets.problem().is_some() {
        return Ok(());
    }
    let named = sets.values().filter(|set| info.starts_with(&set.name));
    let Some(open) = named.max_by_key(|set| set.name.len()) else {
        let why = format!("{info} is open, and is none of the sets");
        return if model.kept_open { Ok(()) } else { Err(why) };
    };
    for line in lines {
        let Some(objective) = open.objectives.iter().find(|o| o.name == line.name) else {
            continue;
        };
        let key = (open.id.clone(), objective.id.clone());
        let Some(judged) = told
            .objectives
            .get(&key)
            .filter(|one| one.range == objective.range && one.name == objective.name)
        else {
            continue;
        };
        if line.mark != mark(judged.sign) {
            return Err(format!(
                "{} is shown {} here, told was {:?}",
                line.name, line.mark, judged.sign
            ));
        }
    }
    Ok(())
}

/// The file of a tab says what its rows say.
pub(super) fn file(app: &App, model: &Model, text: &str) -> Result<(), String> {
    let Some(told) = &model.told else { return Ok(()) };
    let whole: Value = serde_json::from_str(text).map_err(|error| format!("{error} in {text}"))?;
    let is_now = app.tab == Tab::Now;
    let rows = whole["rows"].as_array().cloned().unwrap_or_default();
    for row in &rows {
        let (Some(name), Some(state)) = (row["objective"].as_str(), row["state"].as_str()) else {
            continue;
        };
        if state == "not watched" {
            continue;
        }
        let series = row["series"].as_str().unwrap_or_default();
        let is_named = |one: &&Judged| name == one.name || name == format!("{} ({})", one.name, one.set);
        let signs = told.objectives.values().filter(is_named).map(|one| {
            let machine = one
                .series
                .iter()
                .find(|(machine, _)| series.contains(&format!("\"{machine}\"")));
            machine.map_or(one.sign, |(_, sign)| *sign)
        });
        let words: Vec<&str> = signs
            .map(|sign| match sign {
                Sign::Unproven if is_now => "unproven",
                sign => sign.word(),
            })
            .collect();
        if !words.contains(&state.replace(' ', "_").as_str()) {
            return Err(format!("{name} {series} is {state} in the file, told was {words:?}"));
        }
    }
    Ok(())
}
