-- Results of runs, the position of each stream, and what could not be decoded.

-- Where each stream goes on. Moves in the same transaction as the rows it stands for.
CREATE TABLE stream_position (
  source TEXT NOT NULL,
  partition INTEGER NOT NULL,
  next_offset INTEGER NOT NULL,
  PRIMARY KEY (source, partition)
) STRICT, WITHOUT ROWID;

-- How far a run has come: done counts series records really inserted; a run is complete when done = expected.
-- as_of_ms is the newest of its results: retention goes by it, which saves an index on the results themselves.
CREATE TABLE run_progress (
  id INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL UNIQUE,
  done INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  expected INTEGER,
  cancelled INTEGER NOT NULL DEFAULT 0,
  finished_ms INTEGER,
  as_of_ms INTEGER
) STRICT;
CREATE INDEX run_progress_as_of ON run_progress (as_of_ms, id);

-- Series seen in results; body = encoded sla.series.v1.Series of the newest result.
CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  fingerprint BLOB NOT NULL UNIQUE,
  as_of_ms INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;

-- One part (statistics, metadata, forecast or failure) of what one run found about one series.
-- No foreign key on series: its check would scan this table for every series that is deleted.
CREATE TABLE result (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES run_progress (id),
  series INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  window_ms INTEGER NOT NULL,
  as_of_ms INTEGER NOT NULL,
  payload BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX result_natural_key ON result (run, series, kind, window_ms);

-- The newest part of each kind; only ever moves forward in (as_of_ms, run_id).
CREATE TABLE latest (
  series INTEGER NOT NULL REFERENCES series (id),
  kind INTEGER NOT NULL,
  as_of_ms INTEGER NOT NULL,
  run_id TEXT NOT NULL,
  payload BLOB NOT NULL,
  PRIMARY KEY (series, kind)
) STRICT;

-- Records that could not be applied, one row a body.
CREATE TABLE dead_letter (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  body_hash BLOB NOT NULL UNIQUE,
  source TEXT NOT NULL,
  partition INTEGER NOT NULL,
  stream_offset INTEGER NOT NULL,
  reason TEXT NOT NULL,
  body BLOB NOT NULL,
  count INTEGER NOT NULL,
  first_seen_ms INTEGER NOT NULL
) STRICT;
