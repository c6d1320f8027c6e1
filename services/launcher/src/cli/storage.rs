//! What `sla storage` is told.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::number::whole;

#[derive(Debug, Args)]
pub(crate) struct StorageArgs {
    #[command(subcommand)]
    pub(crate) action: StorageAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StorageAction {
    /// Copies of the database.
    #[command(flatten)]
    Copies(CopiesAction),
    /// Go on at a later record: those before it are given up.
    AcceptGap(StreamPlace),
    /// Go back to an earlier record, for a topic that was made anew; nothing is stored twice.
    Rewind(StreamPlace),
}

#[derive(Debug, Args)]
pub(crate) struct StreamPlace {
    /// The stream, as the message names it.
    pub(crate) stream: String,
    /// Its partition.
    #[arg(value_parser = whole::<u32>)]
    pub(crate) partition: u32,
    /// The record at which it goes on.
    #[arg(value_parser = whole::<u64>)]
    pub(crate) to: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CopiesAction {
    /// Say whether the database, or the copy FILE, is sound, and list its copies.
    Check {
        /// Another file than the database of this data folder.
        file: Option<PathBuf>,
    },
    /// Copy sets, ledger, runs and what is remembered now; the last 3 copies are kept.
    Backup,
    /// Put the newest sound copy, or FILE, in the place of the database; no instance may run. What is there is kept.
    Restore {
        /// A copy of the database.
        file: Option<PathBuf>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}
