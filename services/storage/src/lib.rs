//! The only role that opens the database.
