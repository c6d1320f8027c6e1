//! A table as a file, CSV or JSON: exact numbers, times in UTC.

use serde_json::{Map, Value};
use sla_domain::quantity::bare;

use crate::context::Context;
use crate::context::request::Effect;
use crate::format::is_csv;

/// What is shown, to be written.
pub(crate) struct TableFile {
    /// Columns of CSV, a comma between two: fields of the rows; `title=field` where the column is called otherwise.
    pub(crate) columns: &'static str,
    /// What JSON calls the rows.
    pub(crate) name: &'static str,
    pub(crate) rows: Vec<Value>,
    /// What JSON says beside them.
    pub(crate) beside: Map<String, Value>,
}

impl TableFile {
    /// Into the file that was asked for.
    pub(crate) fn write(self, cx: &mut Context, path: Option<&str>) {
        let path = path.unwrap_or_default().to_owned();
        let text = if is_csv(&path) { self.csv() } else { self.json() };
        cx.effect(Effect::WriteFile { path, text });
    }

    fn csv(&self) -> String {
        let columns = || {
            let all = self.columns.split(',');
            all.map(|column| column.split_once('=').unwrap_or((column, column)))
        };
        let titles: Vec<&str> = columns().map(|(title, _)| title).collect();
        let lines = self.rows.iter().map(|row| {
            let cells: Vec<String> = columns().map(|(_, field)| cell(&row[field])).collect();
            cells.join(",") + "\n"
        });
        titles.join(",") + "\n" + &lines.collect::<String>()
    }

    fn json(self) -> String {
        let mut whole = self.beside;
        whole.insert(self.name.to_owned(), self.rows.into());
        Value::Object(whole).to_string()
    }
}

/// What does not exist is empty; a text is quoted where it would be read as something else.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Number(number) => number.as_f64().map_or_else(String::new, bare),
        Value::String(text) if text.contains(['"', ',', '\n', '\r']) => format!("\"{}\"", text.replace('"', "\"\"")),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn csv_and_json_say_the_same() {
        let file = || TableFile {
            columns: "objective=name,series,now,count",
            name: "rows",
            rows: vec![
                json!({"name": "Load", "series": "up{a=\"1\"}", "now": 0.5, "count": 3, "more": [1]}),
                json!({"name": "a, b", "series": null, "now": f64::NAN, "count": 0}),
            ],
            beside: Map::from_iter([("set".to_owned(), json!("default"))]),
        };
        assert_eq!(
            file().csv(),
            "objective,series,now,count\nLoad,\"up{a=\"\"1\"\"}\",0.5,3\n\"a, b\",,,0\n"
        );
        let told: Value = serde_json::from_str(&file().json()).unwrap();
        assert_eq!(
            (&told["set"], &told["rows"][0]["more"]),
            (&json!("default"), &json!([1]))
        );
    }
}
