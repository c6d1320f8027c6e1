//! The stores on real database servers: the suites that SQLite passes, every statement, and what only a server does.
//! `dev/test` starts the servers and names them in `SLA_TEST_DATABASES` (see `servers.rs`).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conforms;
mod hash;
mod kills;
mod migrates;
mod servers;
mod statements;
mod writers;
