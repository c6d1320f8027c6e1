-- What was read from the source for the records of a run, and how many of them tell it: a sum that lacks one is none.
ALTER TABLE run_progress ADD COLUMN told BIGINT NOT NULL DEFAULT 0;

ALTER TABLE run_progress ADD COLUMN samples_read BIGINT NOT NULL DEFAULT 0;

ALTER TABLE run_progress ADD COLUMN bytes_read BIGINT NOT NULL DEFAULT 0;
