-- SLA sets, and what roles remember about their objectives.
CREATE TABLE sla_set (
  id VARBINARY(256) NOT NULL PRIMARY KEY,
  name_key VARBINARY(1024) NOT NULL,
  version BIGINT NOT NULL,
  body MEDIUMBLOB NOT NULL,
  UNIQUE KEY sla_set_name (name_key)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE state (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  owner VARBINARY(256) NOT NULL,
  item VARBINARY(256) NOT NULL,
  written_ms BIGINT NOT NULL,
  until_ms BIGINT NULL,
  body MEDIUMBLOB NOT NULL,
  UNIQUE KEY state_natural_key (owner, item),
  KEY state_until (until_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
