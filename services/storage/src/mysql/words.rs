//! MySQL's words for an insert, the same for MariaDB. `VALUES(c)` is the value that was to be inserted; a row alias, which
//! MySQL would rather have, MariaDB does not know.

use crate::transaction::{Insert, Met, placeholders};

/// The statement for `rows` rows.
pub(super) fn insert(insert: &Insert, rows: usize) -> String {
    let Insert {
        table,
        key,
        columns,
        met,
    } = insert;
    let row = format!("({})", placeholders(insert.width()));
    let rows = vec![row; rows].join(", ");
    let names = insert.names();
    let met = match met {
        // INSERT IGNORE would ignore values that do not fit, too.
        Met::Keep => format!("{0} = {0}", key[0]),
        Met::Replace => replace(columns.iter().copied(), |column| format!("VALUES({column})")),
        Met::Advance(by) => advance(columns, by),
    };
    format!("INSERT INTO {table} ({names}) VALUES {rows} ON DUPLICATE KEY UPDATE {met}")
}

fn replace<'a>(columns: impl Iterator<Item = &'a str>, value: impl Fn(&str) -> String) -> String {
    columns
        .map(|column| format!("{column} = {}", value(column)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Assignments are made from left to right, and each sees the ones before it. So what is compared comes last, the first of
/// it at the very end: whether the row has grown is still to be seen when the others are assigned.
fn advance(columns: &[&str], by: &[&str]) -> String {
    let grown = match by {
        [one] => format!("VALUES({one}) > {one}"),
        [first, second, ..] => {
            format!("VALUES({first}) > {first} OR (VALUES({first}) = {first} AND VALUES({second}) > {second})")
        }
        [] => "FALSE".to_owned(),
    };
    let others = columns.iter().filter(|column| !by.contains(column));
    let ordered = others.chain(by.iter().rev()).copied();
    replace(ordered, |column| format!("IF({grown}, VALUES({column}), {column})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_inserts() {
        let of = |met, rows| {
            insert(
                &Insert {
                    table: "t",
                    key: &["a", "b"],
                    columns: &["c", "d", "e"],
                    met,
                },
                rows,
            )
        };
        let one = "INSERT INTO t (a, b, c, d, e) VALUES (?, ?, ?, ?, ?)";
        let met = "ON DUPLICATE KEY UPDATE";
        assert_eq!(of(Met::Keep, 1), format!("{one} {met} a = a"));
        assert_eq!(of(Met::Keep, 2), format!("{one}, (?, ?, ?, ?, ?) {met} a = a"));
        assert_eq!(
            of(Met::Replace, 1),
            format!("{one} {met} c = VALUES(c), d = VALUES(d), e = VALUES(e)")
        );
        let grown = "VALUES(c) > c OR (VALUES(c) = c AND VALUES(d) > d)";
        assert_eq!(
            of(Met::Advance(&["c", "d"]), 1),
            format!(
                "{one} {met} e = IF({grown}, VALUES(e), e), d = IF({grown}, VALUES(d), d), c = IF({grown}, VALUES(c), c)"
            )
        );
    }
}
