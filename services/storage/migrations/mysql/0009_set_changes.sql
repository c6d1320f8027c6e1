-- In which order sets were saved: who knows them reads only what is newer.
ALTER TABLE sla_set ADD COLUMN changed BIGINT NOT NULL DEFAULT 1;

CREATE INDEX sla_set_changed ON sla_set (changed);

INSERT IGNORE INTO counter (name, last) VALUES ('sets', 1);
