//! The stored parts of results of a database, each as it lies there and as the message it stands for, into a folder; and what the
//! own short form costs: `cargo run --release -p sla-storage --example payloads -- sla.db FOLDER`. See `dev/bench-payload`.

#![expect(clippy::print_stdout, reason = "says what it found")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use sla_storage::decoders::{message, short};

type Failure = Box<dyn std::error::Error>;

/// Microseconds a call, the least of several rounds over all of `of`.
fn least_us(of: &[Vec<u8>], work: impl Fn(&[u8]) -> Option<Vec<u8>>) -> f64 {
    let round = |_| {
        let begun = Instant::now();
        for bytes in of {
            black_box(work(bytes));
        }
        begun.elapsed()
    };
    let least = (0..20).map(round).min().unwrap_or(Duration::ZERO);
    least.as_secs_f64() * 1e6 / of.len().max(1) as f64
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(database), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: payloads sla.db FOLDER".into());
    };
    let folder = Path::new(&folder);
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut rows = connection.prepare("SELECT payload FROM result ORDER BY id")?;
    let stored: Vec<Vec<u8>> = rows.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut messages = Vec::new();
    for (at, bytes) in stored.iter().enumerate() {
        let whole = message(bytes).ok_or("a payload cannot be decoded")?;
        std::fs::write(folder.join(format!("{at:06}.stored")), bytes)?;
        std::fs::write(folder.join(format!("{at:06}.message")), &whole)?;
        messages.push(whole);
    }
    println!(
        "own short form: encode {:.2} µs, decode {:.2} µs a payload ({} payloads)",
        least_us(&messages, short),
        least_us(&stored, message),
        stored.len()
    );
    Ok(())
}
