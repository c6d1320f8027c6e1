//! `sla config show|path`.

use serde_json::json;

use super::Session;
use crate::cli::{ConfigAction, ConfigArgs};
use crate::config::user_config_file;
use crate::exit::Exit;
use crate::output;

/// Prints the configuration with the origin of each value.
pub(crate) fn config(session: &Session, arguments: &ConfigArgs) -> Exit {
    match arguments.action {
        ConfigAction::Show if session.global.json => {
            let rows = session.loaded.rows();
            let values: Vec<_> = rows
                .into_iter()
                .map(|(key, value, origin)| {
                    let value = serde_json::from_str(&value).unwrap_or(serde_json::Value::String(value));
                    json!({ "key": key, "value": value, "origin": origin })
                })
                .collect();
            output::print_json(&json!({ "config": values }));
        }
        ConfigAction::Show => {
            let rows = session.loaded.rows();
            let width = |of: fn(&(String, String, String)) -> &String| {
                rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0)
            };
            let (keys, values) = (width(|row| &row.0), width(|row| &row.1));
            let lines: Vec<String> = rows
                .iter()
                .map(|(key, value, origin)| format!("{key:keys$}  {value:values$}  {origin}"))
                .collect();
            output::print(&lines.join("\n"));
        }
        ConfigAction::Path => match user_config_file() {
            Some(path) => output::print(&path.display().to_string()),
            None => output::remark("HOME is not set: give --config FILE"),
        },
    }
    Exit::OK
}
