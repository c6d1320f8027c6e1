-- Runs as people see them, and when they start by themselves.

-- body = encoded sla.etl.v1.Run. AUTOINCREMENT: the number of a deleted run is never given again.
CREATE TABLE run (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id TEXT NOT NULL UNIQUE,
  request_id TEXT NOT NULL UNIQUE,
  ended INTEGER NOT NULL,
  started_ms INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX run_unfinished ON run (ended, number);

-- At most one row; body = encoded sla.etl.v1.Schedule.
CREATE TABLE schedule (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  body BLOB NOT NULL
) STRICT;
