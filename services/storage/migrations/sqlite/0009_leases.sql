-- What only one process does at a time. token rises with each taking; until_ms is a time of this database's clock.
CREATE TABLE lease (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  token INTEGER NOT NULL,
  until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who owns which partition of the tasks, and since which claim.
CREATE TABLE placement (
  shard INTEGER PRIMARY KEY,
  address TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  since_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
