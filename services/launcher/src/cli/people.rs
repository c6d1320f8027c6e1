//! Arguments of the commands about people. No password and no token is ever an argument: everybody on a host may read those.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use sla_proto::peer::Rank;

use super::number::whole;
use crate::config::Span;

/// The word of a rank.
fn rank(text: &str) -> Result<Rank, String> {
    Rank::of_word(text).ok_or_else(|| {
        let words = Rank::ALL.map(Rank::word).join(", ");
        format!("there is no such role: give one of {words}")
    })
}

/// Where a password comes from.
#[derive(Debug, Args)]
pub(crate) struct Secret {
    /// File whose first line is the password; - for stdin. Without it the terminal asks.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    pub(crate) action: UserAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserAction {
    /// Add a user; the first one becomes an admin, with your uid.
    Add {
        /// Letters, digits and . - _ @ +.
        name: String,
        /// viewer, editor, operator or admin.
        #[arg(long, value_name = "ROLE", value_parser = rank, default_value = "viewer")]
        role: Rank,
        /// A user of this system who is this user at the Unix socket; may be given several times.
        #[arg(long, value_name = "N", value_parser = whole::<u32>)]
        uid: Vec<u32>,
        /// Without a password: only a mapped uid can then call.
        #[arg(long, conflicts_with = "password_file")]
        no_password: bool,
        #[command(flatten)]
        secret: Secret,
    },
    /// All users.
    List,
    /// Change what a user may do.
    Role {
        /// The user.
        name: String,
        /// viewer, editor, operator or admin.
        #[arg(value_parser = rank)]
        role: Rank,
    },
    /// Say which users of this system a user is at the Unix socket.
    Map {
        /// The user.
        name: String,
        /// Add this uid; may be given several times.
        #[arg(long, value_name = "N", required_unless_present = "remove_uid", value_parser = whole::<u32>)]
        uid: Vec<u32>,
        /// Take this uid away; may be given several times.
        #[arg(long, value_name = "N", value_parser = whole::<u32>)]
        remove_uid: Vec<u32>,
    },
    /// A user may not call any more; what he had open ends.
    Disable {
        /// The user.
        name: String,
    },
    /// A disabled user may call again.
    Enable {
        /// The user.
        name: String,
    },
    /// Set a new password: your own, or as an admin somebody's. Sessions end by it.
    Passwd {
        /// The user; default yourself.
        name: Option<String>,
        #[command(flatten)]
        secret: Secret,
    },
    /// Print a code with which one person may register.
    Invite {
        /// What that person may do.
        #[arg(long, value_name = "ROLE", value_parser = rank, default_value = "viewer")]
        role: Rank,
        /// How long the code waits.
        #[arg(long = "for", value_name = "DURATION", default_value = "7d")]
        lifetime: Span,
    },
}

#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// The user; default the name you have on this system.
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) secret: Secret,
}

#[derive(Debug, Args)]
pub(crate) struct RegisterArgs {
    /// The name you want.
    pub(crate) name: String,
    /// File whose first line is the code of your invitation.
    #[arg(long, value_name = "FILE")]
    pub(crate) invitation_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) secret: Secret,
}

#[derive(Debug, Args)]
pub(crate) struct SessionArgs {
    #[command(subcommand)]
    pub(crate) action: Option<SessionAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionAction {
    /// Your sessions and tokens.
    List {
        /// Those of this user; for admins.
        #[arg(long, value_name = "NAME", conflicts_with = "all")]
        user: Option<String>,
        /// Everybody's; for admins.
        #[arg(long)]
        all: bool,
    },
    /// End a session.
    Revoke {
        /// Its id, from the list.
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) action: Option<TokenAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenAction {
    /// Make a token and write it to a file, or to stdout.
    Create {
        /// What it is for.
        name: String,
        /// What it may do at most; default what you may.
        #[arg(long, value_name = "ROLE", value_parser = rank)]
        role: Option<Rank>,
        /// How long it lives: 1m to 366d.
        #[arg(long = "for", value_name = "DURATION", default_value = "90d")]
        lifetime: Span,
        /// The file to write, for its owner alone.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Your tokens.
    List,
    /// End a token.
    Revoke {
        /// Its name or id.
        token: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// How many entries.
    #[arg(long, default_value_t = 50, value_parser = whole::<u32>)]
    pub(crate) limit: u32,
    /// With the whole of what was before and after.
    #[arg(long)]
    pub(crate) full: bool,
}
