-- Runs as people see them, and when they start by themselves. The server keeps AUTO_INCREMENT over restarts: the number of a
-- deleted run is never given again.
CREATE TABLE run (
  number BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  run_id VARBINARY(64) NOT NULL,
  request_id VARBINARY(64) NOT NULL,
  ended BIGINT NOT NULL,
  started_ms BIGINT NOT NULL,
  body MEDIUMBLOB NOT NULL,
  UNIQUE KEY run_run (run_id),
  UNIQUE KEY run_request (request_id),
  KEY run_unfinished (ended, number)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE schedule (
  id BIGINT NOT NULL PRIMARY KEY,
  body MEDIUMBLOB NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
