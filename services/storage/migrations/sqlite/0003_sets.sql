-- SLA sets; body = encoded sla.objective.v1.SlaSet. name_key is the name in lower case: names differ by more than case.
CREATE TABLE sla_set (
  id TEXT PRIMARY KEY,
  name_key TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
