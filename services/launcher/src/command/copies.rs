//! `sla storage`: looking through the database, copying it, putting a copy back.

use std::path::Path;

use color_eyre::eyre::Report;
use serde_json::{Value, json};
use sla_domain::{Clock as _, SystemClock, Unit, instant, quantity, unit::Kind};
use sla_storage::StoreError;
use sla_storage::options::DATABASE_FILE;
use sla_storage::sqlite::backup::{self, BackupFile};

use super::Session;
use super::sets::confirmed;
use super::table::table;
use crate::cli::CopiesAction;
use crate::exit::{Exit, Failure};
use crate::output;

/// One of the actions. All work on files, beside an instance that runs or without one.
pub(super) fn copies(session: &Session, action: &CopiesAction) -> Result<Exit, Report> {
    let done = match action {
        CopiesAction::Check { file } => check(session, file.as_deref()),
        CopiesAction::Backup => copy(session),
        CopiesAction::Restore { file, yes } => restore(session, file.as_deref(), *yes),
    };
    done.map_err(told)
}

/// How the failures of this command end it.
fn told(report: Report) -> Report {
    let exit = match report.downcast_ref::<StoreError>() {
        Some(StoreError::InUse { .. }) => Exit::UNAVAILABLE,
        Some(StoreError::Damaged { .. } | StoreError::NoBackup { .. }) => Exit::DATA,
        Some(StoreError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Exit::DATA,
        _ => return report,
    };
    let hint = if exit == Exit::UNAVAILABLE {
        "; `sla stop` ends the instance"
    } else {
        ""
    };
    Failure::new(exit, format!("{report}{hint}")).into()
}

fn check(session: &Session, file: Option<&Path>) -> Result<Exit, Report> {
    let data = &session.paths.data;
    let database = file.map_or_else(|| data.join(DATABASE_FILE), Path::to_owned);
    let findings = backup::check(&database)?;
    let copies: Vec<(BackupFile, bool)> = if file.is_some() {
        Vec::new()
    } else {
        backup::list(data, SystemClock.now_ms())
            .into_iter()
            .map(|copy| {
                let sound = backup::check(&copy.path).is_ok_and(|found| found.is_empty());
                (copy, sound)
            })
            .collect()
    };
    if session.global.json {
        output::print_json(&json!({
            "file": database.display().to_string(),
            "sound": findings.is_empty(),
            "findings": findings,
            "backups": copies.iter().map(|(copy, sound)| copy_json(copy, Some(*sound))).collect::<Vec<_>>(),
        }));
    } else {
        output::print(&words(&database, &findings, &copies, file.is_some()));
    }
    Ok(if findings.is_empty() { Exit::OK } else { Exit::DATA })
}

fn words(database: &Path, findings: &[String], copies: &[(BackupFile, bool)], one_file: bool) -> String {
    let mut text = if findings.is_empty() {
        format!("{} is sound\n", database.display())
    } else {
        format!("{} is damaged:\n  {}\n", database.display(), findings.join("\n  "))
    };
    if one_file {
        return text;
    }
    if copies.is_empty() {
        text.push_str("no copies yet: one is made every day, `sla storage backup` makes one now\n");
        return text;
    }
    let rows: Vec<Vec<String>> = copies
        .iter()
        .map(|(copy, sound)| {
            vec![
                instant::format_ms(copy.made_ms),
                size(copy.bytes),
                state(copy, *sound).to_owned(),
                copy.path.display().to_string(),
            ]
        })
        .collect();
    text.push_str(&table(&["COPY OF", "SIZE>", "STATE", "FILE"], &rows));
    if !findings.is_empty() {
        text.push_str("`sla stop`, then `sla storage restore` puts the newest sound one in its place\n");
    }
    text
}

fn state(copy: &BackupFile, sound: bool) -> &'static str {
    match (sound, copy.is_ahead) {
        (true, false) => "sound",
        (true, true) => "sound, dated in the future: counts as the oldest",
        (false, _) => "damaged",
    }
}

fn size(bytes: u64) -> String {
    quantity::short(bytes as f64, Unit::of(Kind::Bytes))
}

fn copy_json(copy: &BackupFile, sound: Option<bool>) -> Value {
    json!({
        "file": copy.path.display().to_string(),
        "made": instant::format_ms(copy.made_ms),
        "bytes": copy.bytes,
        "sound": sound,
        "ahead": copy.is_ahead,
    })
}

fn copy(session: &Session) -> Result<Exit, Report> {
    let made = backup::take(&session.paths.data, SystemClock.now_ms())?;
    if session.global.json {
        output::print_json(&copy_json(&made, Some(true)));
    } else {
        output::print(&format!("{} ({}), sound", made.path.display(), size(made.bytes)));
    }
    Ok(Exit::OK)
}

fn restore(session: &Session, from: Option<&Path>, yes: bool) -> Result<Exit, Report> {
    // JSON is for scripts: they have said what they want.
    let what = from.map_or_else(|| "the newest sound copy".to_owned(), |file| file.display().to_string());
    if !yes
        && !session.global.json
        && !confirmed(&format!(
            "Put {what} in the place of the database? What is there is kept beside it."
        ))?
    {
        output::remark("nothing was changed");
        return Ok(Exit::OK);
    }
    let done = backup::restore(&session.paths.data, from, SystemClock.now_ms())?;
    if session.global.json {
        output::print_json(&json!({
            "restored": done.from.display().to_string(),
            "ahead": done.is_ahead,
            "kept": done.aside.as_ref().map(|path| path.display().to_string()),
        }));
    } else {
        output::print(&format!("the database is now {}", done.from.display()));
        if let Some(aside) = &done.aside {
            output::print(&format!("what was there is kept as {}", aside.display()));
        }
        if done.is_ahead {
            output::remark("it is dated in the future, there was no other sound one: how old it is nobody knows");
        }
        output::print("results of runs are not in copies: the next runs make them anew");
    }
    Ok(Exit::OK)
}
