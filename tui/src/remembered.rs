//! What the console remembers between two starts: a small TOML file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::widget::columns::Columns;

/// A file beyond this size is not ours.
pub(crate) const REMEMBERED_BYTES_MAX: u64 = 1024 * 1024;

/// The state that is restored. Unknown and broken fields fall back to their defaults: this file is never a reason not to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Remembered {
    pub(crate) tab: usize,
    pub(crate) window_ms: i64,
    pub(crate) local_time: bool,
    pub(crate) metrics_filter: String,
    pub(crate) metrics_sort: usize,
    pub(crate) metrics_down: bool,
    /// Queries shown, as they were typed.
    pub(crate) metrics_queries: Vec<String>,
    /// Changes of a set that were not saved.
    pub(crate) draft: Option<KeptDraft>,
    /// Lines typed before, by kind, the newest last.
    pub(crate) history: BTreeMap<String, Vec<String>>,
    /// Views kept under a name.
    pub(crate) views: BTreeMap<String, View>,
    /// Columns of a table, in their order, `-` before a hidden one; a table that is not here has its own.
    pub(crate) columns: BTreeMap<String, Vec<String>>,
}

/// A place kept under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct View {
    pub(crate) tab: usize,
    pub(crate) window_ms: i64,
    pub(crate) filter: String,
    pub(crate) sort: usize,
    pub(crate) down: bool,
    /// Queries shown, as they were typed.
    pub(crate) queries: Vec<String>,
    pub(crate) chart: Option<KeptChart>,
}

/// A chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct KeptChart {
    pub(crate) query: String,
    /// Id of the series, in hexadecimal digits.
    pub(crate) series: String,
    pub(crate) title: String,
    /// The moment shown, Unix milliseconds; none follows the present.
    pub(crate) at_ms: Option<i64>,
}

/// A set with changes that were not saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct KeptDraft {
    /// Id of the set.
    pub(crate) set: String,
    /// What the changes stand on.
    pub(crate) version: u64,
    /// The whole set, as for an editor.
    pub(crate) text: String,
}

impl Remembered {
    pub(crate) fn from_toml(text: &str) -> Self {
        toml::from_str(text).unwrap_or_default()
    }

    pub(crate) fn columns_of(&self, table: &str) -> &[String] {
        self.columns.get(table).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn keep_columns(&mut self, table: &str, columns: &Columns) {
        let words = columns.words();
        if !words.is_empty() {
            self.columns.insert(table.to_owned(), words);
        }
    }

    pub(crate) fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_garbage_is_forgiven() {
        let state = Remembered {
            tab: 3,
            window_ms: 10_800_000,
            metrics_filter: "a\"b\n=".into(),
            draft: Some(KeptDraft {
                set: "set-1".into(),
                version: 3,
                text: "[[set]]\nname = 'a'\n".into(),
            }),
            history: BTreeMap::from([("filter".into(), vec!["a b".into()])]),
            views: BTreeMap::from([(
                "my view".into(),
                View {
                    tab: 1,
                    chart: Some(KeptChart {
                        series: "0a".into(),
                        ..KeptChart::default()
                    }),
                    ..View::default()
                },
            )]),
            columns: BTreeMap::from([("metrics".into(), vec!["S".into(), "-MIN".into()])]),
            ..Remembered::default()
        };
        assert_eq!(Remembered::from_toml(&state.to_toml()), state);
        assert_eq!(Remembered::from_toml("tab = 'x'"), Remembered::default());
        assert_eq!(Remembered::from_toml("\u{0}\u{1}"), Remembered::default());
    }
}
