-- Where messages go, what each channel was told, acknowledgements and snoozes, and the outbox. See the notes beside the same
-- tables for SQLite.
CREATE TABLE channel (
  id VARBINARY(256) NOT NULL PRIMARY KEY,
  name_key VARBINARY(1024) NOT NULL,
  version BIGINT NOT NULL,
  body MEDIUMBLOB NOT NULL,
  UNIQUE KEY channel_name (name_key)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE story (
  id VARBINARY(256) NOT NULL PRIMARY KEY,
  channel_id VARBINARY(256) NOT NULL,
  body MEDIUMBLOB NOT NULL,
  KEY story_channel (channel_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE mark (
  id VARBINARY(256) NOT NULL PRIMARY KEY,
  body MEDIUMBLOB NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE outbox (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  notice VARBINARY(256) NOT NULL,
  channel_id VARBINARY(256) NOT NULL,
  message VARBINARY(256) NOT NULL,
  settled BIGINT NOT NULL,
  due_ms BIGINT NOT NULL,
  made_ms BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  problem VARBINARY(1024) NOT NULL,
  body MEDIUMBLOB NOT NULL,
  UNIQUE KEY outbox_notice (notice),
  KEY outbox_due (settled, due_ms, id),
  KEY outbox_message (message),
  KEY outbox_made (made_ms, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

INSERT IGNORE INTO counter (name, last) VALUES ('notify.revision', 0), ('notify.position', 0);
