-- The ledger: violations, forecasts and what forecasters have learned.

-- body = encoded sla.violation.v1.Violation; end_ms is NULL while it goes on.
CREATE TABLE violation (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  set_id TEXT NOT NULL,
  objective_id TEXT NOT NULL,
  generation INTEGER NOT NULL,
  series BLOB NOT NULL,
  start_ms INTEGER NOT NULL,
  end_ms INTEGER,
  duration_ms INTEGER NOT NULL,
  retired INTEGER NOT NULL DEFAULT 0,
  body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX violation_natural_key ON violation (objective_id, generation, series, start_ms);
CREATE INDEX violation_start ON violation (start_ms, id);
CREATE INDEX violation_set ON violation (set_id, start_ms, id);

-- body = encoded sla.storage.v1.ScoredForecast; has_left is NULL until its time has come.
CREATE TABLE forecast (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  objective_id TEXT NOT NULL,
  generation INTEGER NOT NULL,
  series BLOB NOT NULL,
  horizon_ms INTEGER NOT NULL,
  made_ms INTEGER NOT NULL,
  due_ms INTEGER NOT NULL,
  has_left INTEGER,
  body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX forecast_natural_key ON forecast (objective_id, generation, series, horizon_ms, made_ms);
CREATE INDEX forecast_made ON forecast (made_ms, id);
CREATE INDEX forecast_due ON forecast (has_left, due_ms);

-- numbers = little-endian doubles.
CREATE TABLE model (
  kind TEXT NOT NULL,
  series BLOB NOT NULL,
  learned_ms INTEGER NOT NULL,
  numbers BLOB NOT NULL,
  PRIMARY KEY (kind, series)
) STRICT;
