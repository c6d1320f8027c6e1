-- `partition` is a reserved word of other databases.
ALTER TABLE stream_position RENAME COLUMN partition TO shard;
ALTER TABLE dead_letter RENAME COLUMN partition TO shard;
