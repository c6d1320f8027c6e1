-- Where messages go; body = encoded sla.notify.v1.Channel. name_key = owner and name in lower case.
CREATE TABLE channel (
  id TEXT PRIMARY KEY,
  name_key TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What a channel was told about a series; body = encoded sla.storage.v1.Story.
CREATE TABLE story (
  id TEXT PRIMARY KEY,
  channel_id TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX story_channel ON story (channel_id);

-- Acknowledgements and snoozes by handle and kind; body = encoded sla.notify.v1.Mark.
CREATE TABLE mark (
  id TEXT PRIMARY KEY,
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Deliveries due, and what became of them; body = encoded sla.notify.v1.Notice. message is empty before the first attempt;
-- settled: 0 due, 1 sent, 2 given up. Rows of one message share message, settled, due_ms and attempts.
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  notice TEXT NOT NULL UNIQUE,
  channel_id TEXT NOT NULL,
  message TEXT NOT NULL,
  settled INTEGER NOT NULL,
  due_ms INTEGER NOT NULL,
  made_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  problem TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (settled, due_ms, id);
CREATE INDEX outbox_message ON outbox (message);
CREATE INDEX outbox_made ON outbox (made_ms, id);

INSERT INTO counter (name, last) VALUES ('notify.revision', 0), ('notify.position', 0);
