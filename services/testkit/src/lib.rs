//! Processes and fixtures for tests.
