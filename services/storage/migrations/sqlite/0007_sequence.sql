-- Every change of a violation has a number, taken from one row in the same transaction: readers resume after a number.
CREATE TABLE counter (
  name TEXT PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counter SELECT 'ledger', COALESCE(MAX(id), 0) FROM violation;

-- The number of the last change. What is there was changed in the order of its ids, as far as anybody knows.
ALTER TABLE violation ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;
UPDATE violation SET sequence = id;
CREATE UNIQUE INDEX violation_sequence ON violation (sequence);
