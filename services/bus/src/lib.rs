//! The message port: how result records reach the storage.
