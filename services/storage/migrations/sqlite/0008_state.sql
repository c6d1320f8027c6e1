-- What roles remember. owner is an objective or empty; the row goes with its objective, and when until_ms is over.
CREATE TABLE state (
  id INTEGER PRIMARY KEY,
  owner TEXT NOT NULL,
  item TEXT NOT NULL,
  written_ms INTEGER NOT NULL,
  until_ms INTEGER,
  body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX state_natural_key ON state (owner, item);
CREATE INDEX state_until ON state (until_ms);

-- Models were spacings (`spacing/OBJECTIVE/GENERATION`), weights (`pool/OBJECTIVE/GENERATION`) and looks (`long-look`).
-- An objective's name may hold a slash; the generation is what stands behind the last one.
INSERT INTO state (owner, item, written_ms, until_ms, body)
  SELECT SUBSTR(stem, 9, LENGTH(stem) - 9), 'spacing/' || SUBSTR(kind, LENGTH(stem) + 1) || '/' || LOWER(HEX(series)),
    learned_ms, NULL, numbers
  FROM (SELECT kind, series, learned_ms, numbers, RTRIM(kind, '0123456789') AS stem FROM model)
  WHERE kind LIKE 'spacing/%/%' AND LENGTH(stem) > 9;
INSERT INTO state (owner, item, written_ms, until_ms, body)
  SELECT SUBSTR(stem, 6, LENGTH(stem) - 6), 'pool/' || SUBSTR(kind, LENGTH(stem) + 1) || '/' || LOWER(HEX(series)),
    learned_ms, learned_ms + 7776000000, numbers
  FROM (SELECT kind, series, learned_ms, numbers, RTRIM(kind, '0123456789') AS stem FROM model)
  WHERE kind LIKE 'pool/%/%' AND LENGTH(stem) > 6;
INSERT INTO state (owner, item, written_ms, until_ms, body)
  SELECT '', 'long-look/' || LOWER(HEX(series)), learned_ms, learned_ms + 7776000000, numbers
  FROM model WHERE kind = 'long-look';
DROP TABLE model;
