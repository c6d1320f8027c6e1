//! How the file is used, and giving pages of it back.

use rusqlite::Connection;

use crate::error::StoreError;
use crate::transaction::Space;

/// Pages given back to the disk in one step.
const PAGES_AT_ONCE: u64 = 512;
/// Free pages that are kept for the next writes, at least.
const SPARE_PAGES: u64 = 1_024;

#[derive(Debug, Clone, Copy)]
struct Pages {
    /// Pages in the file.
    count: u64,
    /// Of these, pages that hold nothing.
    free: u64,
    /// Bytes of a page.
    bytes: u64,
}

fn pages(connection: &Connection) -> Result<Pages, StoreError> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok(Pages {
        count: pragma("page_count")?.cast_unsigned(),
        free: pragma("freelist_count")?.cast_unsigned(),
        bytes: pragma("page_size")?.cast_unsigned(),
    })
}

/// How the file is used.
pub(super) fn space(connection: &Connection) -> Result<Space, StoreError> {
    let Pages { count, free, bytes } = pages(connection)?;
    Ok(Space {
        used_bytes: (count - free) * bytes,
        file_bytes: count * bytes,
    })
}

/// Gives some free pages back to the disk, but for those that the next writes will want; `false` when none went.
pub(super) fn give_back(connection: &Connection, max_bytes: u64) -> Result<bool, StoreError> {
    let before = pages(connection)?;
    let spare = if before.count * before.bytes > max_bytes {
        0
    } else {
        SPARE_PAGES.max(before.count / 10)
    };
    if before.free <= spare {
        return Ok(false);
    }
    let count = PAGES_AT_ONCE.min(before.free - spare);
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({count})"))?;
    let mut rows = statement.query([])?;
    // Each step frees a page.
    while rows.next()?.is_some() {}
    Ok(pages(connection)?.count < before.count)
}
