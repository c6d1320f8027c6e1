-- Results of runs, the position of each stream, and what could not be decoded. What each table means stands in
-- migrations/sqlite; keys are bytes, so that nothing is padded, folded or compared by a collation.
CREATE TABLE stream_position (
  source VARBINARY(249) NOT NULL,
  shard BIGINT NOT NULL,
  next_offset BIGINT NOT NULL,
  PRIMARY KEY (source, shard)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE run_progress (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  run_id VARBINARY(64) NOT NULL,
  done BIGINT NOT NULL DEFAULT 0,
  failed BIGINT NOT NULL DEFAULT 0,
  expected BIGINT NULL,
  cancelled BIGINT NOT NULL DEFAULT 0,
  finished_ms BIGINT NULL,
  as_of_ms BIGINT NULL,
  UNIQUE KEY run_progress_run (run_id),
  KEY run_progress_as_of (as_of_ms, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE series (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  fingerprint VARBINARY(16) NOT NULL,
  as_of_ms BIGINT NOT NULL,
  body MEDIUMBLOB NOT NULL,
  UNIQUE KEY series_fingerprint (fingerprint)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- No foreign keys: each insert would lock the rows of others, and nothing deletes a run before its results.
CREATE TABLE result (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  run BIGINT NOT NULL,
  series BIGINT NOT NULL,
  kind BIGINT NOT NULL,
  window_ms BIGINT NOT NULL,
  as_of_ms BIGINT NOT NULL,
  payload MEDIUMBLOB NOT NULL,
  UNIQUE KEY result_natural_key (run, series, kind, window_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE latest (
  series BIGINT NOT NULL,
  kind BIGINT NOT NULL,
  as_of_ms BIGINT NOT NULL,
  run_id VARBINARY(64) NOT NULL,
  payload MEDIUMBLOB NOT NULL,
  PRIMARY KEY (series, kind)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE dead_letter (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  body_hash VARBINARY(16) NOT NULL,
  source VARBINARY(249) NOT NULL,
  shard BIGINT NOT NULL,
  stream_offset BIGINT NOT NULL,
  reason VARBINARY(64) NOT NULL,
  body LONGBLOB NOT NULL,
  count BIGINT NOT NULL,
  first_seen_ms BIGINT NOT NULL,
  UNIQUE KEY dead_letter_body (body_hash)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- How far each thinning has come.
CREATE TABLE retention_mark (
  tier VARBINARY(64) NOT NULL PRIMARY KEY,
  until_ms BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
