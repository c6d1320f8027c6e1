-- How far each thinning has come: results up to until_ms hold at most one a span and series.
CREATE TABLE retention_mark (
  tier TEXT PRIMARY KEY,
  until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
