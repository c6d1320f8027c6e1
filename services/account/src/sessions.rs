//! Logging in and out, service tokens, invitations, and ending what was opened.

use sla_proto::account::v1::{AuditEntry, Session, User};
use sla_proto::convert;
use sla_proto::peer::Rank;
use sla_proto::storage::v1::{ChangeAccountsRequest, StoredAccount, StoredToken, TokenKind};
use zeroize::Zeroizing;

use crate::book::rank_of;
use crate::error::AccountError;
use crate::keeper::Keeper;
use crate::secret::{self, Purpose};

/// How long a session lives at most.
const SESSION_MS: i64 = 12 * 3_600_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// How long a service token lives, where nothing is said.
const TOKEN_MS: i64 = 90 * DAY_MS;
/// And at most.
const LONGEST_TOKEN_MS: i64 = 366 * DAY_MS;
/// How long an invitation waits.
const INVITATION_MS: i64 = 7 * DAY_MS;
/// Sessions and tokens of one user; the oldest session gives way to a new one.
const MAX_OF_USER: usize = 64;
/// Characters of a name that is shown in lists.
const MAX_NAME_CHARS: usize = 64;

/// A token as it is told once.
pub(crate) struct Opened {
    pub(crate) secret: Zeroizing<String>,
    pub(crate) token: StoredToken,
}

/// A user as others may see it.
pub(crate) fn user(account: &StoredAccount) -> User {
    User {
        id: account.id.clone(),
        name: account.name.clone(),
        rank: rank_of(account).message().into(),
        disabled: account.disabled,
        uids: account.uids.clone(),
        has_password: account.password.is_some(),
        created: account.created,
    }
}

/// A session as its owner may see it.
pub(crate) fn session(token: &StoredToken, owner: &str, current: &str) -> Session {
    Session {
        id: token.id.clone(),
        user: owner.to_owned(),
        rank: token.rank,
        token_name: token.name.clone(),
        client: token.client.clone(),
        created: token.created,
        seen: token.seen,
        expires: token.expires,
        current: token.id == current,
    }
}

/// An entry of the audit log, as the storage wants it.
pub(crate) fn entry(author: &str, action: &str, subject: &str, before: &str, after: &str) -> AuditEntry {
    AuditEntry {
        author: author.to_owned(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        before: before.to_owned(),
        after: after.to_owned(),
        ..AuditEntry::default()
    }
}

/// A name for lists: one line, not too long.
pub(crate) fn shown_name(text: &str) -> String {
    sla_domain::SafeText::with_limit(text.trim(), MAX_NAME_CHARS).into_string()
}

/// Opens a session of `account`, whose password was right.
pub(crate) async fn open(keeper: &Keeper, account: &StoredAccount, client: &str) -> Result<Opened, AccountError> {
    let turn = keeper.turn().await;
    let now_ms = keeper.now_ms();
    let opened = opened(Purpose::Session, account, rank_of(account), now_ms, SESSION_MS)?;
    let token = StoredToken {
        client: shown_name(client),
        ..opened.token
    };
    // The oldest session gives way.
    let oldest = {
        let book = keeper.book().await?;
        // Disabled, or with another password, while this one was hashed.
        let as_before = book
            .by_id(&account.id)
            .is_some_and(|now| now.version == account.version);
        if !as_before {
            return Err(AccountError::WrongPassword);
        }
        let tokens = book.tokens(Some(&account.id), now_ms);
        let oldest = tokens.iter().rev().find(|token| token.kind() == TokenKind::Session);
        oldest
            .filter(|_| tokens.len() >= MAX_OF_USER)
            .map(|token| token.hash.clone())
    };
    let change = ChangeAccountsRequest {
        tokens: vec![token.clone()],
        ended: oldest.into_iter().collect(),
        ..ChangeAccountsRequest::default()
    };
    keeper.change(&turn, change).await?;
    Ok(Opened { token, ..opened })
}

/// A service token for a program of `account`, with at most `rank`.
pub(crate) async fn create_token(
    keeper: &Keeper,
    account: &StoredAccount,
    name: &str,
    rank: Rank,
    lifetime_ms: Option<i64>,
) -> Result<Opened, AccountError> {
    let name = shown_name(name);
    if name.is_empty() {
        return Err(AccountError::invalid(
            "name",
            "a token has a name",
            "say what it is for",
        ));
    }
    let lifetime_ms = lifetime_ms.unwrap_or(TOKEN_MS);
    if !(MINUTE_MS..=LONGEST_TOKEN_MS).contains(&lifetime_ms) {
        let fix = "give a time between 1m and 366d";
        return Err(AccountError::invalid(
            "lifetime",
            "a token lives 1 minute to 366 days",
            fix,
        ));
    }
    let turn = keeper.turn().await;
    let now_ms = keeper.now_ms();
    {
        let book = keeper.book().await?;
        let tokens = book.tokens(Some(&account.id), now_ms);
        let services = tokens.iter().filter(|token| token.kind() == TokenKind::Service);
        let (count, taken) = services.fold((0, false), |(count, taken), token| {
            (count + 1, taken || token.name == name)
        });
        if taken {
            let fix = "choose another, or revoke that one";
            return Err(AccountError::invalid(
                "name",
                format!("{name:?} is a token of yours already"),
                fix,
            ));
        }
        if count >= MAX_OF_USER / 2 {
            return Err(AccountError::invalid(
                "name",
                "a user has at most 32 tokens",
                "revoke one first",
            ));
        }
    }
    let opened = opened(Purpose::Service, account, rank, now_ms, lifetime_ms)?;
    let token = StoredToken { name, ..opened.token };
    let until = token.expires.as_ref().map_or(0, convert::millis);
    let after = format!("{}, until {}", rank.word(), sla_domain::instant::format_ms(until));
    let change = ChangeAccountsRequest {
        tokens: vec![token.clone()],
        audit: vec![entry(&account.name, "token.create", &token.name, "", &after)],
        ..ChangeAccountsRequest::default()
    };
    keeper.change(&turn, change).await?;
    Ok(Opened { token, ..opened })
}

/// An invitation by `account` for a user of `rank`.
pub(crate) async fn invite(
    keeper: &Keeper,
    account: &StoredAccount,
    rank: Rank,
    lifetime_ms: Option<i64>,
) -> Result<Opened, AccountError> {
    let lifetime_ms = lifetime_ms.unwrap_or(INVITATION_MS);
    if !(MINUTE_MS..=LONGEST_TOKEN_MS).contains(&lifetime_ms) {
        let fix = "give a time between 1m and 366d";
        return Err(AccountError::invalid(
            "lifetime",
            "an invitation waits 1 minute to 366 days",
            fix,
        ));
    }
    let turn = keeper.turn().await;
    let opened = opened(Purpose::Invitation, account, rank, keeper.now_ms(), lifetime_ms)?;
    let change = ChangeAccountsRequest {
        tokens: vec![opened.token.clone()],
        audit: vec![entry(&account.name, "user.invite", "", "", rank.word())],
        ..ChangeAccountsRequest::default()
    };
    keeper.change(&turn, change).await?;
    Ok(opened)
}

/// Ends a session or token by its id; `owner` where it must be one's own.
pub(crate) async fn revoke(
    keeper: &Keeper,
    id: &str,
    owner: Option<&str>,
    author: &str,
) -> Result<StoredToken, AccountError> {
    let turn = keeper.turn().await;
    let found = {
        let book = keeper.book().await?;
        let tokens = book.tokens(owner, keeper.now_ms());
        tokens.into_iter().find(|token| token.id == id).cloned()
    };
    // Somebody else's is not there for those who may not see it.
    let token = found.ok_or_else(|| AccountError::NotFound {
        what: "session",
        name: id.chars().take(80).collect(),
    })?;
    let action = if token.kind() == TokenKind::Service {
        "token.revoke"
    } else {
        "session.revoke"
    };
    let subject = if token.name.is_empty() { &token.id } else { &token.name };
    let change = ChangeAccountsRequest {
        ended: vec![token.hash.clone()],
        audit: vec![entry(author, action, subject, "", "")],
        ..ChangeAccountsRequest::default()
    };
    keeper.change(&turn, change).await?;
    Ok(token)
}

/// Ends the session that a call was made with.
pub(crate) async fn close(keeper: &Keeper, session_id: &str) -> Result<bool, AccountError> {
    let turn = keeper.turn().await;
    let hash = {
        let book = keeper.book().await?;
        let tokens = book.tokens(None, keeper.now_ms());
        let token = tokens
            .into_iter()
            .find(|token| token.id == session_id && token.kind() == TokenKind::Session);
        token.map(|token| token.hash.clone())
    };
    let Some(hash) = hash else { return Ok(false) };
    let change = ChangeAccountsRequest {
        ended: vec![hash],
        ..ChangeAccountsRequest::default()
    };
    keeper.change(&turn, change).await?;
    Ok(true)
}

fn opened(
    purpose: Purpose,
    account: &StoredAccount,
    rank: Rank,
    now_ms: i64,
    lifetime_ms: i64,
) -> Result<Opened, AccountError> {
    let (secret, hash) = secret::new(purpose)?;
    let kind = match purpose {
        Purpose::Session => TokenKind::Session,
        Purpose::Service => TokenKind::Service,
        Purpose::Invitation => TokenKind::Invitation,
    };
    let token = StoredToken {
        hash: hash.to_vec(),
        id: secret::new_id()?,
        kind: kind.into(),
        account_id: account.id.clone(),
        rank: rank.message().into(),
        created: Some(convert::timestamp(now_ms)),
        seen: Some(convert::timestamp(now_ms)),
        expires: Some(convert::timestamp(now_ms.saturating_add(lifetime_ms))),
        ..StoredToken::default()
    };
    Ok(Opened { secret, token })
}
