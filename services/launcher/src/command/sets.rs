//! `sla sets`: agreements as lists and as files.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use color_eyre::eyre::{Report, WrapErr as _};
use serde_json::json;
use sla_domain::{Invalid, Query, SafeText, Unit, instant, quantity};
use sla_proto::objective::v1::SlaSet;
use sla_proto::series::v1::CounterMode;
use sla_proto::set::v1::planned_change::Action;
use sla_proto::set::v1::{DeleteSetRequest, GetSetRequest, PlannedChange};
use sla_proto::{Peer, convert, lists, pieces, set_file};
use sla_views::{Change, Plan, Set, action_word};

use super::table::table;
use super::{Session, samples};
use crate::cli::{SetsAction, SetsArgs};
use crate::exit::{Exit, Failure};
use crate::output;

/// The set of `sla sets back-end`.
const BACK_END: &str = include_str!("sets/back_end.toml");

/// One of the actions; without one, the list.
pub(crate) async fn sets(session: &Session, arguments: SetsArgs) -> Result<Exit, Report> {
    match arguments.action.unwrap_or(SetsAction::List) {
        SetsAction::List => list(session).await,
        SetsAction::Show { set } => show(session, set.unwrap_or_default()).await,
        SetsAction::Export { sets, output } => export(session, &sets, output.as_deref()).await,
        SetsAction::Apply {
            file,
            prune,
            dry_run,
            yes,
        } => {
            let text = samples::read_text(&file)?;
            apply(session, &text, &file.display().to_string(), prune, dry_run, yes).await
        }
        SetsAction::BackEnd { dry_run, yes } => apply(session, BACK_END, "back_end.toml", false, dry_run, yes).await,
        SetsAction::Delete { set, yes } => delete(session, set, yes).await,
    }
}

async fn all(peer: &Peer) -> Result<Vec<SlaSet>, Report> {
    Ok(lists::sets(peer).await?)
}

async fn one(peer: &Peer, set: String) -> Result<SlaSet, Report> {
    let answer = peer
        .sets()
        .get_set(GetSetRequest { set: set.clone() })
        .await?
        .into_inner();
    Ok(answer
        .set
        .ok_or_else(|| Failure::new(Exit::DATA, format!("there is no set {set:?}")))?)
}

async fn list(session: &Session) -> Result<Exit, Report> {
    let sets = all(&session.peer().await?).await?;
    if session.global.json {
        output::print_json(&sets.iter().map(Set::from).collect::<Vec<_>>());
    } else if sets.is_empty() {
        output::print("no set yet: a default one is suggested as soon as the source has answered");
    } else {
        let rows: Vec<Vec<String>> = sets
            .iter()
            .map(|set| {
                vec![
                    set.name.clone(),
                    set.objectives.len().to_string(),
                    if set.active { "yes" } else { "no" }.to_owned(),
                    set.version.to_string(),
                    set.author.clone(),
                    set.updated
                        .as_ref()
                        .map_or_else(String::new, |time| instant::format_ms(convert::millis(time))),
                ]
            })
            .collect();
        output::print(&table(
            &["SET", "OBJECTIVES>", "ACTIVE", "VERSION>", "AUTHOR", "UPDATED"],
            &rows,
        ));
    }
    Ok(Exit::OK)
}

async fn show(session: &Session, name: String) -> Result<Exit, Report> {
    let set = one(&session.peer().await?, name).await?;
    if session.global.json {
        output::print_json(&Set::from(&set));
        return Ok(Exit::OK);
    }
    let rows: Vec<Vec<String>> = set
        .objectives
        .iter()
        .map(|objective| {
            let range = objective.range.unwrap_or_default();
            let text = objective.query.as_ref().map(convert::query_text).unwrap_or_default();
            let raw = objective.counter_mode() == CounterMode::Raw;
            let unit = Query::parse(text).map_or(Unit::PLAIN, |query| query.unit(raw));
            let bound = |bound: Option<f64>| bound.map_or_else(|| "–".to_owned(), |bound| quantity::exact(bound, unit));
            vec![
                objective.name.clone(),
                bound(range.min),
                bound(range.max),
                if objective.suggested { "suggested" } else { "" }.to_owned(),
                text.to_owned(),
            ]
        })
        .collect();
    let title = format!(
        "{} (version {}, by {})",
        SafeText::new(&set.name),
        set.version,
        SafeText::new(&set.author)
    );
    output::print(&format!(
        "{title}\n{}",
        table(&["OBJECTIVE", "MIN>", "MAX>", "", "QUERY"], &rows)
    ));
    Ok(Exit::OK)
}

async fn export(session: &Session, names: &[String], to: Option<&Path>) -> Result<Exit, Report> {
    let peer = session.peer().await?;
    let mut sets = all(&peer).await?;
    if !names.is_empty() {
        sets = Vec::new();
        for name in names {
            sets.push(one(&peer, name.clone()).await?);
        }
    }
    let text = set_file::write(&sets);
    if session.global.json && to.is_none() {
        output::print_json(&sets.iter().map(Set::from).collect::<Vec<_>>());
        return Ok(Exit::OK);
    }
    match to {
        Some(path) => {
            std::fs::write(path, text).wrap_err_with(|| format!("cannot write {}", path.display()))?;
            if session.global.json {
                output::print_json(&json!({ "sets": sets.len(), "file": path }));
            } else {
                output::remark(&format!("{} sets written to {}", sets.len(), path.display()));
            }
        }
        None => output::print(&text),
    }
    Ok(Exit::OK)
}

/// Refuses a set that could not even be sent: by what makes it so large where a rule names that.
fn check_sizes(sets: &[SlaSet]) -> Result<(), Invalid> {
    let Some((set, bytes)) = pieces::too_large(sets) else {
        return Ok(());
    };
    // It may be the name that is so large; what is wrong with it comes after it.
    let name = SafeText::with_limit(&set.name, Invalid::MAX_VALUE_CHARS).into_string();
    if let Some(problem) = convert::set(set).err().and_then(|problems| problems.into_iter().next()) {
        return Err(problem.within(&name));
    }
    let most = format!(
        "a set holds at most {} KiB of text",
        pieces::PieceLimits::SETS.one >> 10
    );
    let given = format!("{} KiB", bytes >> 10);
    Err(Invalid::new(name, &given, most, "split it into several sets"))
}

async fn apply(
    session: &Session,
    text: &str,
    called: &str,
    prune: bool,
    dry_run: bool,
    yes: bool,
) -> Result<Exit, Report> {
    let mut sets = set_file::read(text, called)?;
    check_sizes(&sets)?;
    let peer = session.peer().await?;
    // What is agreed to is the plan that was shown: someone else's save in between is a conflict.
    let stored = all(&peer).await?;
    for set in &mut sets {
        let name = set.name.to_lowercase();
        let known = stored.iter().find(|known| known.name.to_lowercase() == name);
        set.version = known.map_or(0, |known| known.version);
    }
    let requests = |dry_run| futures::stream::iter(pieces::apply_requests(&sets, prune, dry_run));
    let planned = peer.sets().apply_sets(requests(true)).await?.into_inner();
    let plan = planned.plan;
    for warning in &planned.warnings {
        let words = format!("{} {}: {}", warning.field, warning.value, warning.rule);
        output::remark(SafeText::new(&words).as_ref());
    }
    let changes = plan.iter().filter(|change| change.action() != Action::Keep).count();
    if !session.global.json {
        output::print(&plan_words(&plan));
    }
    let go = !dry_run && changes > 0;
    // JSON is for scripts: they have said what they want.
    if go && !yes && !session.global.json && !confirmed("Apply this?")? {
        output::remark("nothing was changed");
        return Ok(Exit::OK);
    }
    let applied = go && peer.sets().apply_sets(requests(false)).await?.into_inner().applied;
    if session.global.json {
        let plan = plan.iter().map(Change::from).collect();
        output::print_json(&Plan { plan, applied });
    } else if applied {
        output::remark(&format!("{changes} changes applied"));
    } else if changes == 0 {
        output::remark("nothing to change");
    }
    Ok(Exit::OK)
}

fn plan_words(plan: &[PlannedChange]) -> String {
    plan.iter()
        .map(|change| {
            let history = if change.new_generation {
                "  (its history starts anew)"
            } else {
                ""
            };
            let details = change.details.join(", ");
            let name = if change.objective.is_empty() {
                change.set.clone()
            } else {
                format!("{} / {}", change.set, change.objective)
            };
            format!(
                "{:7} {}  {}{history}",
                action_word(change.action()),
                SafeText::new(&name),
                SafeText::new(&details)
            )
        })
        .collect::<Vec<_>>()
        .join("\n")
}

async fn delete(session: &Session, name: String, yes: bool) -> Result<Exit, Report> {
    let peer = session.peer().await?;
    let set = one(&peer, name).await?;
    let question = format!(
        "Delete {:?} with {} objectives? Its violations are kept.",
        set.name,
        set.objectives.len()
    );
    if !yes && !confirmed(&question)? {
        output::remark("nothing was changed");
        return Ok(Exit::OK);
    }
    peer.sets()
        .delete_set(DeleteSetRequest {
            id: set.id.clone(),
            version: set.version,
        })
        .await?;
    if session.global.json {
        output::print_json(&json!({ "deleted": set.id, "name": set.name }));
    } else {
        output::remark(&format!("{:?} is deleted", set.name));
    }
    Ok(Exit::OK)
}

/// Asks a person; without one, the answer is to use `--yes`.
pub(super) fn confirmed(question: &str) -> Result<bool, Report> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(Exit::USAGE, "nobody can be asked here: give --yes or --dry-run").into());
    }
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "{question} [y/N] ");
    let _ = err.flush();
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .wrap_err("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_too_large_leaves_room_for_what_is_wrong_with_it() {
        let set = SlaSet {
            name: "A".repeat(1 << 20),
            ..SlaSet::default()
        };
        let refused = check_sizes(&[set]).unwrap_err();
        assert!(refused.field.chars().count() < 150, "{}", refused.field.len());
        let words = refused.to_string();
        assert!(words.contains("name is AAA") && words.contains("at most 80"), "{words}");
        assert!(words.ends_with("shorten it"), "{words}");
    }

    #[test]
    fn the_set_of_the_back_end_reads_the_source_self_alone() {
        let sets = set_file::read(BACK_END, "back_end.toml").unwrap();
        assert_eq!((sets.len(), sets[0].name.as_str()), (1, "Back end"));
        assert!(sets[0].objectives.len() >= 8);
        for objective in &sets[0].objectives {
            let known = convert::objective(objective).unwrap_or_else(|problems| panic!("{problems:?}"));
            assert_eq!(known.source, "self", "{}", known.name);
        }
    }
}
