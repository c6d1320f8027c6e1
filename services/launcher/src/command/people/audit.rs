//! `sla audit`.

use color_eyre::eyre::Report;
use serde_json::{Value, json};
use sla_domain::{SafeText, instant};
use sla_proto::account::v1::{AuditEntry, ListAuditRequest};
use sla_proto::convert;
use sla_views as views;

use crate::cli::AuditArgs;
use crate::command::{Session, table};
use crate::exit::Exit;
use crate::output;

/// Entries asked for at once.
const PAGE: u32 = 200;

/// Prints who changed what, newest first.
pub(crate) async fn audit(session: &Session, arguments: &AuditArgs) -> Result<Exit, Report> {
    let peer = session.peer().await?;
    let limit = arguments.limit as usize;
    let (mut entries, mut page_token) = (Vec::new(), String::new());
    while entries.len() < limit {
        let page_size = PAGE.min((limit - entries.len()) as u32);
        let request = ListAuditRequest { page_size, page_token };
        let answer = peer.account().list_audit(request).await?.into_inner();
        entries.extend(answer.entries);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    if session.global.json {
        output::print_json(&json!({ "entries": entries.iter().map(entry_json).collect::<Vec<_>>() }));
    } else if arguments.full {
        output::print(&entries.iter().map(whole).collect::<Vec<_>>().join("\n"));
    } else {
        let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
        output::print(&table::table(&["AT", "WHO", "WHAT", "OF", "CHANGE"], &rows));
    }
    Ok(Exit::OK)
}

fn at(entry: &AuditEntry) -> String {
    entry
        .at
        .as_ref()
        .map_or_else(|| "–".to_owned(), |at| instant::format_ms(convert::millis(at)))
}

fn row(entry: &AuditEntry) -> Vec<String> {
    let short = |text: &str| match text.lines().count() {
        0 | 1 => text.trim().to_owned(),
        lines => format!("{lines} lines"),
    };
    let change = match (short(&entry.before), short(&entry.after)) {
        (before, after) if before.is_empty() => after,
        (before, after) if after.is_empty() => format!("{before} → nothing"),
        (before, after) => format!("{before} → {after}"),
    };
    vec![
        at(entry),
        entry.author.clone(),
        entry.action.clone(),
        entry.subject.clone(),
        change,
    ]
}

/// With what was before and after, each line marked as a comparison marks it.
fn whole(entry: &AuditEntry) -> String {
    let mut text = format!(
        "{}  {}  {}  {}\n",
        at(entry),
        SafeText::new(&entry.author),
        SafeText::new(&entry.action),
        SafeText::new(&entry.subject)
    );
    for (mark, side) in [('-', &entry.before), ('+', &entry.after)] {
        for line in side.lines() {
            text.push_str(&format_args!("  {mark} {}\n", SafeText::new(line)).to_string());
        }
    }
    text
}

fn entry_json(entry: &AuditEntry) -> Value {
    json!({
        "id": entry.id,
        "at": views::time(entry.at.as_ref()),
        "author": entry.author,
        "action": entry.action,
        "subject": entry.subject,
        "before": views::word(&entry.before),
        "after": views::word(&entry.after),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_short_in_the_table_and_whole_below() {
        let entry = AuditEntry {
            author: "ada".to_owned(),
            action: "set.update".to_owned(),
            subject: "Web\u{1b}[31m".to_owned(),
            before: "max = 4".to_owned(),
            after: "max = 5\nmin = 1\n".to_owned(),
            ..AuditEntry::default()
        };
        assert_eq!(row(&entry)[4], "max = 4 → 2 lines");
        let text = whole(&entry);
        assert!(text.contains("  - max = 4\n  + max = 5\n  + min = 1\n") && !text.contains('\u{1b}'));
    }
}
