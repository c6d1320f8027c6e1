-- In which order sets were saved: who knows them reads only what is newer.
ALTER TABLE sla_set ADD COLUMN changed INTEGER NOT NULL DEFAULT 1;
CREATE INDEX sla_set_changed ON sla_set (changed);
INSERT INTO counter (name, last) VALUES ('sets', 1);
