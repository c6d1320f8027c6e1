//! Where databases differ. The SQL in `statement.rs` is common; what is not is made here, one [`Dialect`] an adapter.

/// The words of one database.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// Opens an insert that leaves an existing row as it is.
    insert_or_ignore: &'static str,
    /// Appended to a SELECT whose row must not change until the commit; empty where the transaction locks the whole file.
    pub row_lock: &'static str,
    /// How an upsert names the key that it met and the row that came: `(before the assignments, around a column)`.
    upsert: Upsert,
}

#[derive(Debug, Clone, Copy)]
enum Upsert {
    /// `ON CONFLICT (key) DO UPDATE SET c = excluded.c`.
    OnConflict,
}

impl Dialect {
    /// SQLite: writers begin with BEGIN IMMEDIATE, so rows need no lock of their own.
    pub const SQLITE: Self = Self {
        insert_or_ignore: "INSERT OR IGNORE INTO",
        row_lock: "",
        upsert: Upsert::OnConflict,
    };

    /// `INSERT … VALUES (?, …)` that leaves an existing row as it is; 0 rows changed says that it was there.
    pub fn insert_or_ignore(&self, table: &str, columns: &[&str]) -> String {
        format!(
            "{} {table} ({}) VALUES ({})",
            self.insert_or_ignore,
            columns.join(", "),
            placeholders(columns.len())
        )
    }

    /// `INSERT …` that replaces the columns that are not part of `key` when the row is there.
    pub fn upsert(&self, table: &str, columns: &[&str], key: &[&str]) -> String {
        let values = placeholders(columns.len());
        let changed = columns.iter().filter(|column| !key.contains(column));
        match self.upsert {
            Upsert::OnConflict => {
                let set: Vec<String> = changed.map(|column| format!("{column} = excluded.{column}")).collect();
                format!(
                    "INSERT INTO {table} ({}) VALUES ({values}) ON CONFLICT ({}) DO UPDATE SET {}",
                    columns.join(", "),
                    key.join(", "),
                    set.join(", ")
                )
            }
        }
    }
}

/// `?, ?, ?`.
pub(crate) fn placeholders(count: usize) -> String {
    let mut text = "?, ".repeat(count);
    text.truncate(text.len().saturating_sub(2));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_words() {
        assert_eq!(
            Dialect::SQLITE.insert_or_ignore("t", &["a", "b"]),
            "INSERT OR IGNORE INTO t (a, b) VALUES (?, ?)"
        );
        assert_eq!(
            Dialect::SQLITE.upsert("t", &["a", "b", "c"], &["a"]),
            "INSERT INTO t (a, b, c) VALUES (?, ?, ?) ON CONFLICT (a) DO UPDATE SET b = excluded.b, c = excluded.c"
        );
    }
}
