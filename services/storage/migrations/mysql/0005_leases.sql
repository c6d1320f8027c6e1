-- What only one process does at a time, and who owns which partition of the tasks.
CREATE TABLE lease (
  name VARBINARY(64) NOT NULL PRIMARY KEY,
  holder VARBINARY(256) NOT NULL,
  token BIGINT NOT NULL,
  until_ms BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE placement (
  shard BIGINT NOT NULL PRIMARY KEY,
  address VARBINARY(256) NOT NULL,
  epoch BIGINT NOT NULL,
  since_ms BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
