//! Places at which tests let the process die. Without the feature `test-support` they are nothing.

/// After BEGIN, before the first row.
pub const BEGUN: &str = "begun";
/// Rows are written, the position of their stream is not.
pub const ROWS: &str = "rows";
/// All is written, nothing committed.
pub const WRITTEN: &str = "written";
/// Committed, but nobody was told.
pub const COMMITTED: &str = "committed";
/// The statements of a migration have run, its row is not written.
pub const MIGRATED: &str = "migrated";

/// All of them but [`MIGRATED`], which only a new database passes.
#[cfg(feature = "test-support")]
pub const OF_WRITES: [&str; 4] = [BEGUN, ROWS, WRITTEN, COMMITTED];

#[cfg(feature = "test-support")]
static ARMED: std::sync::Mutex<Option<(String, u32)>> = std::sync::Mutex::new(None);

/// Lets the process die at `place` when it has been passed `passes` times.
#[cfg(feature = "test-support")]
pub fn arm(place: &str, passes: u32) {
    *ARMED.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((place.to_owned(), passes));
}

#[cfg(feature = "test-support")]
pub(crate) fn pass(place: &'static str) {
    let mut armed = ARMED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some((wanted, passes)) = armed.as_mut()
        && wanted == place
    {
        if *passes == 0 {
            // No destructor, no buffer, no goodbye.
            std::process::abort();
        }
        *passes -= 1;
    }
}

#[cfg(not(feature = "test-support"))]
pub(crate) fn pass(_place: &'static str) {}
