//! The console: a pure gRPC client.
