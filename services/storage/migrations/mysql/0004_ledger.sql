-- The ledger: violations, forecasts, and the numbers of their changes.
CREATE TABLE violation (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  set_id VARBINARY(256) NOT NULL,
  objective_id VARBINARY(256) NOT NULL,
  generation BIGINT NOT NULL,
  series VARBINARY(16) NOT NULL,
  start_ms BIGINT NOT NULL,
  end_ms BIGINT NULL,
  duration_ms BIGINT NOT NULL,
  retired BIGINT NOT NULL DEFAULT 0,
  body MEDIUMBLOB NOT NULL,
  sequence BIGINT NOT NULL,
  UNIQUE KEY violation_natural_key (objective_id, generation, series, start_ms),
  UNIQUE KEY violation_sequence (sequence),
  KEY violation_start (start_ms, id),
  KEY violation_set (set_id, start_ms, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE forecast (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  objective_id VARBINARY(256) NOT NULL,
  generation BIGINT NOT NULL,
  series VARBINARY(16) NOT NULL,
  horizon_ms BIGINT NOT NULL,
  made_ms BIGINT NOT NULL,
  due_ms BIGINT NOT NULL,
  has_left BIGINT NULL,
  body MEDIUMBLOB NOT NULL,
  UNIQUE KEY forecast_natural_key (objective_id, generation, series, horizon_ms, made_ms),
  KEY forecast_made (made_ms, id),
  KEY forecast_due (has_left, due_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE counter (
  name VARBINARY(64) NOT NULL PRIMARY KEY,
  last BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

INSERT INTO counter (name, last) VALUES ('ledger', 0) ON DUPLICATE KEY UPDATE last = last;
