-- People, their sessions and tokens, and who changed what. Rows of the audit log are added and never touched again; no trigger
-- holds that here, because making one takes rights that the user of a database should not have.
CREATE TABLE sla_account (
  id VARBINARY(256) NOT NULL PRIMARY KEY,
  name_key VARBINARY(1024) NOT NULL,
  version BIGINT NOT NULL,
  body MEDIUMBLOB NOT NULL,
  UNIQUE KEY sla_account_name (name_key)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE sla_token (
  hash VARBINARY(32) NOT NULL PRIMARY KEY,
  id VARBINARY(256) NOT NULL,
  account_id VARBINARY(256) NOT NULL,
  until_ms BIGINT NOT NULL,
  body MEDIUMBLOB NOT NULL,
  UNIQUE KEY sla_token_id (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE audit (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  at_ms BIGINT NOT NULL,
  body MEDIUMBLOB NOT NULL,
  KEY audit_at (at_ms, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
