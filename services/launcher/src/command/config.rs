//! `sla config show|path`.

use color_eyre::eyre::Report;
use serde_json::json;

use super::Session;
use crate::cli::{ConfigAction, ConfigArgs};
use crate::config::user_config_file;
use crate::exit::Exit;
use crate::instance::{self, Serve};
use crate::output;

/// Prints the configuration with the origin of each value, or checks it.
pub(crate) fn config(session: &Session, arguments: &ConfigArgs) -> Result<Exit, Report> {
    match &arguments.action {
        ConfigAction::Check { roles } => {
            let run = Serve {
                roles: roles.clone(),
                insecure: session.global.insecure,
                ..Serve::default()
            };
            instance::check(session.config(), &session.paths, &run)?;
            super::console::check_settings(&session.config().console)?;
            if session.global.json {
                output::print_json(&json!({ "ok": true }));
            } else {
                output::print("the configuration can be used");
            }
        }
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
        ConfigAction::Path if session.global.json => {
            output::print_json(&json!({ "path": user_config_file() }));
        }
        ConfigAction::Path => match user_config_file() {
            Some(path) => output::print(&path.display().to_string()),
            None => output::remark("HOME is not set: give --config FILE"),
        },
    }
    Ok(Exit::OK)
}
