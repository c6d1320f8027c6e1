//! The SQL that all databases share: standard words, `?` for every parameter. What differs is in [`crate::dialect`].

/// Statements about results and streams.
pub(crate) mod results {
    pub(crate) const POSITION: &str = "SELECT next_offset FROM stream_position WHERE source = ? AND partition = ?";
    /// 0 rows: the position is not where this reader found it.
    pub(crate) const MOVE_POSITION: &str =
        "UPDATE stream_position SET next_offset = ? WHERE source = ? AND partition = ? AND next_offset = ?";
    pub(crate) const PROGRESS_ID: &str = "SELECT id FROM run_progress WHERE run_id = ?";
    pub(crate) const BUMP_DONE: &str = "UPDATE run_progress SET done = done + 1, failed = failed + ?, \
         as_of_ms = CASE WHEN as_of_ms > ? THEN as_of_ms ELSE ? END WHERE id = ?";
    /// The closing word with the later time counts, of equal times the larger number: the order of arrival does not matter.
    pub(crate) const FINISH: &str = "UPDATE run_progress SET expected = ?, cancelled = ?, finished_ms = ? WHERE id = ? \
         AND (expected IS NULL OR finished_ms < ? OR (finished_ms = ? AND expected < ?))";
    pub(crate) const PROGRESS: &str = "SELECT done, failed, expected FROM run_progress WHERE run_id = ?";
    pub(crate) const SERIES_ID: &str = "SELECT id FROM series WHERE fingerprint = ?";
    /// Forward only in (as_of_ms, body).
    pub(crate) const UPDATE_SERIES: &str =
        "UPDATE series SET as_of_ms = ?, body = ? WHERE id = ? AND (as_of_ms < ? OR (as_of_ms = ? AND body < ?))";
    pub(crate) const HAS_RESULT: &str = "SELECT 1 FROM result WHERE run = ? AND series = ? LIMIT 1";
    /// Forward only in (as_of_ms, run_id).
    pub(crate) const UPDATE_LATEST: &str = "UPDATE latest SET as_of_ms = ?, run_id = ?, payload = ? \
         WHERE series = ? AND kind = ? AND (as_of_ms < ? OR (as_of_ms = ? AND run_id < ?))";
    pub(crate) const READ_LATEST: &str = "SELECT l.kind, l.as_of_ms, l.run_id, l.payload, s.body FROM series s \
         JOIN latest l ON l.series = s.id WHERE s.fingerprint = ? ORDER BY l.kind";
    /// Rows of the series of one page.
    pub(crate) const RUN_RESULTS: &str = "SELECT r.series, r.kind, r.as_of_ms, r.payload, s.body FROM result r \
         JOIN series s ON s.id = r.series WHERE r.run = ? AND r.series > ? AND r.series <= ? \
         ORDER BY r.series, r.kind, r.window_ms";
    pub(crate) const RUN_SERIES: &str =
        "SELECT DISTINCT series FROM result WHERE run = ? AND series > ? ORDER BY series LIMIT ?";
    pub(crate) const RUN_FAILED_SERIES: &str =
        "SELECT DISTINCT series FROM result WHERE run = ? AND series > ? AND kind = ? ORDER BY series LIMIT ?";
    pub(crate) const RUN_FAILURES: &str = "SELECT r.series, r.kind, r.as_of_ms, r.payload, s.body FROM result r \
         JOIN series s ON s.id = r.series WHERE r.run = ? AND r.series > ? AND r.series <= ? AND r.kind = ? \
         ORDER BY r.series, r.kind, r.window_ms";
    pub(crate) const COUNT_LETTER: &str = "UPDATE dead_letter SET count = count + 1 WHERE body_hash = ?";
    pub(crate) const LETTERS: &str = "SELECT id, body_hash, source, partition, stream_offset, reason, LENGTH(body), \
         count, first_seen_ms FROM dead_letter WHERE id < ? ORDER BY id DESC LIMIT ?";
    pub(crate) const LETTER_TOTAL: &str = "SELECT COUNT(*) FROM dead_letter";
    pub(crate) const LETTER_BODY: &str = "SELECT body FROM dead_letter WHERE body_hash = ?";
    pub(crate) const LETTER_REASON: &str = "UPDATE dead_letter SET reason = ? WHERE body_hash = ?";
    pub(crate) const DELETE_LETTER: &str = "DELETE FROM dead_letter WHERE body_hash = ?";
}

/// Statements about SLA sets.
pub(crate) mod sets {
    pub(crate) const LIST: &str = "SELECT body FROM sla_set ORDER BY name_key LIMIT ?";
    pub(crate) const GET: &str = "SELECT body FROM sla_set WHERE id = ?";
    pub(crate) const COUNT: &str = "SELECT COUNT(*) FROM sla_set";
    pub(crate) const NAME_OWNER: &str = "SELECT id FROM sla_set WHERE name_key = ?";
    pub(crate) const INSERT: &str = "INSERT INTO sla_set (id, name_key, version, body) VALUES (?, ?, ?, ?)";
    pub(crate) const REPLACE: &str =
        "UPDATE sla_set SET name_key = ?, version = ?, body = ? WHERE id = ? AND version = ?";
    /// Frees the names of a batch first, so that two sets may exchange theirs.
    pub(crate) const FREE_NAME: &str = "UPDATE sla_set SET name_key = ? WHERE id = ? AND version = ?";
    pub(crate) const DELETE: &str = "DELETE FROM sla_set WHERE id = ? AND version = ?";
}

/// Statements about runs and the schedule.
pub(crate) mod runs {
    pub(crate) const BY_REQUEST: &str = "SELECT number, body FROM run WHERE request_id = ?";
    pub(crate) const BY_ID: &str = "SELECT number, body FROM run WHERE run_id = ?";
    pub(crate) const INSERT: &str =
        "INSERT INTO run (run_id, request_id, ended, started_ms, body) VALUES (?, ?, ?, ?, ?)";
    pub(crate) const UPDATE: &str = "UPDATE run SET ended = ?, body = ? WHERE run_id = ? AND ended = 0";
    pub(crate) const LIST: &str = "SELECT number, body FROM run WHERE number < ? ORDER BY number DESC LIMIT ?";
    pub(crate) const LIST_UNFINISHED: &str =
        "SELECT number, body FROM run WHERE ended = 0 AND number < ? ORDER BY number DESC LIMIT ?";
    pub(crate) const SCHEDULE: &str = "SELECT body FROM schedule WHERE id = 1";
}

/// Statements about violations, forecasts and models.
pub(crate) mod ledger {
    pub(crate) const VIOLATION: &str = "SELECT id, end_ms, duration_ms, body FROM violation \
         WHERE objective_id = ? AND generation = ? AND series = ? AND start_ms = ?";
    pub(crate) const INSERT_VIOLATION: &str = "INSERT INTO violation (set_id, objective_id, generation, series, start_ms, \
         end_ms, duration_ms, retired, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    pub(crate) const UPDATE_VIOLATION: &str = "UPDATE violation SET end_ms = ?, duration_ms = ?, body = ? WHERE id = ?";
    pub(crate) const RETIRE: &str = "UPDATE violation SET retired = 1 WHERE set_id = ? AND objective_id = ?";
    pub(crate) const SCORE: &str = "UPDATE forecast SET has_left = ?, body = ? WHERE id = ? AND has_left IS NULL";
    pub(crate) const UNSCORED: &str = "SELECT id, body FROM forecast WHERE objective_id = ? AND generation = ? \
         AND series = ? AND horizon_ms = ? AND made_ms = ? AND has_left IS NULL";
    pub(crate) const MODEL: &str = "SELECT learned_ms, numbers FROM model WHERE kind = ? AND series = ?";
    pub(crate) const UPDATE_MODEL: &str =
        "UPDATE model SET learned_ms = ?, numbers = ? WHERE kind = ? AND series = ? AND learned_ms <= ?";
}

/// Statements of retention. Each deletes a bounded number of rows; 0 rows say that there is no more.
pub(crate) mod retention {
    pub(crate) const MARK: &str = "SELECT until_ms FROM retention_mark WHERE tier = ?";
    pub(crate) const FIRST_RUN: &str = "SELECT MIN(as_of_ms) FROM run_progress WHERE as_of_ms >= ? AND as_of_ms < ?";
    /// Of the runs in [from, to), keeps the first part of each series and kind.
    pub(crate) const THIN: &str = "DELETE FROM result WHERE id IN (SELECT id FROM (SELECT r.id AS id, ROW_NUMBER() OVER \
         (PARTITION BY r.series, r.kind, r.window_ms ORDER BY p.as_of_ms, p.run_id) AS place \
         FROM run_progress p JOIN result r ON r.run = p.id \
         WHERE p.as_of_ms >= ? AND p.as_of_ms < ?) AS placed WHERE place > 1 LIMIT ?)";
    pub(crate) const RESULTS_BEFORE: &str = "DELETE FROM result WHERE id IN (SELECT r.id FROM run_progress p \
         JOIN result r ON r.run = p.id WHERE p.as_of_ms < ? LIMIT ?)";
    pub(crate) const OLDEST_RESULTS: &str = "DELETE FROM result WHERE id IN (SELECT r.id FROM run_progress p \
         JOIN result r ON r.run = p.id ORDER BY p.as_of_ms, p.id LIMIT ?)";
    pub(crate) const LATEST_BEFORE: &str =
        "DELETE FROM latest WHERE series IN (SELECT id FROM series WHERE as_of_ms < ?)";
    pub(crate) const SERIES_BEFORE: &str = "DELETE FROM series WHERE as_of_ms < ?";
    pub(crate) const RUNS_BEFORE: &str = "DELETE FROM run WHERE number IN \
         (SELECT number FROM run WHERE ended = 1 AND started_ms < ? ORDER BY number LIMIT ?)";
    /// Of runs whose results have all gone. Ids rise with time, so only the oldest are looked at.
    pub(crate) const PROGRESS: &str = "DELETE FROM run_progress WHERE id < (SELECT MIN(run) FROM result) \
         AND run_id NOT IN (SELECT run_id FROM run)";
    pub(crate) const FORECASTS_BEFORE: &str =
        "DELETE FROM forecast WHERE id IN (SELECT id FROM forecast WHERE made_ms < ? ORDER BY made_ms LIMIT ?)";
    pub(crate) const MODELS_BEFORE: &str = "DELETE FROM model WHERE learned_ms < ?";
}
