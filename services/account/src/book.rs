//! All accounts and tokens as they are stored, in memory: who calls is found out without asking the database. Pure; the keeper
//! writes first and changes the book then.

use std::collections::HashMap;

use sla_proto::convert;
use sla_proto::peer::Rank;
use sla_proto::storage::v1::{StoredAccount, StoredToken, TokenKind};

use crate::secret::Hash;

/// A session ends when nothing came from it for this long.
pub(crate) const IDLE_MS: i64 = 30 * 60_000;
/// The last call of a token is stored this often.
pub(crate) const SEEN_EVERY_MS: i64 = 60_000;

/// A token and the account it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) token: StoredToken,
    /// When its last call was stored.
    stored_seen_ms: i64,
}

/// Who a caller is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Identity {
    pub(crate) account: StoredAccount,
    pub(crate) rank: Rank,
    /// Empty without a token.
    pub(crate) session_id: String,
    /// The token, when it is time to store that it was used.
    pub(crate) to_store: Option<StoredToken>,
}

/// The accounts and tokens.
#[derive(Debug, Default)]
pub(crate) struct Book {
    accounts: HashMap<String, StoredAccount>,
    names: HashMap<String, String>,
    uids: HashMap<u32, String>,
    tokens: HashMap<Hash, Held>,
}

/// Names are compared without regard to case and outer space.
pub(crate) fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// The rank of an account; one that was stored without has the least.
pub(crate) fn rank_of(account: &StoredAccount) -> Rank {
    Rank::of_message(account.rank()).unwrap_or(Rank::Viewer)
}

/// When a token was last used, milliseconds.
fn seen_ms(token: &StoredToken) -> i64 {
    let seen = token.seen.as_ref().or(token.created.as_ref());
    seen.map_or(0, convert::millis)
}

/// Whether a token is of no use any more.
pub(crate) fn is_over(token: &StoredToken, now_ms: i64) -> bool {
    let expired = token
        .expires
        .as_ref()
        .is_none_or(|expires| now_ms >= convert::millis(expires));
    expired || (token.kind() == TokenKind::Session && now_ms - seen_ms(token) > IDLE_MS)
}

impl Book {
    /// Whether anybody was ever added: from then on every call needs a user.
    pub(crate) fn is_in_use(&self) -> bool {
        !self.accounts.is_empty()
    }

    /// Puts an account in, in place of what it was.
    pub(crate) fn put_account(&mut self, account: StoredAccount) {
        if let Some(before) = self.accounts.remove(&account.id) {
            self.names.remove(&name_key(&before.name));
            self.uids.retain(|_, id| *id != before.id);
        }
        self.names.insert(name_key(&account.name), account.id.clone());
        self.uids
            .extend(account.uids.iter().map(|&uid| (uid, account.id.clone())));
        self.accounts.insert(account.id.clone(), account);
    }

    /// Puts a token in, in place of what it was. One without a whole hash opens nothing.
    pub(crate) fn put_token(&mut self, token: StoredToken) {
        if let Ok(hash) = Hash::try_from(token.hash.as_slice()) {
            let stored_seen_ms = seen_ms(&token);
            self.tokens.insert(hash, Held { token, stored_seen_ms });
        }
    }

    /// Takes a token out.
    pub(crate) fn end(&mut self, hash: &[u8]) {
        if let Ok(hash) = Hash::try_from(hash) {
            self.tokens.remove(&hash);
        }
    }

    /// The account called `name`.
    pub(crate) fn by_name(&self, name: &str) -> Option<&StoredAccount> {
        self.accounts.get(self.names.get(&name_key(name))?)
    }

    /// The account with this id.
    pub(crate) fn by_id(&self, id: &str) -> Option<&StoredAccount> {
        self.accounts.get(id)
    }

    /// Whose this uid is.
    pub(crate) fn by_uid(&self, uid: u32) -> Option<&StoredAccount> {
        self.accounts.get(self.uids.get(&uid)?)
    }

    /// All accounts, by name.
    pub(crate) fn accounts(&self) -> Vec<&StoredAccount> {
        let mut all: Vec<&StoredAccount> = self.accounts.values().collect();
        all.sort_by_cached_key(|account| name_key(&account.name));
        all
    }

    /// Admins that can call.
    pub(crate) fn admins(&self) -> usize {
        let admin = |account: &&StoredAccount| !account.disabled && rank_of(account) == Rank::Admin;
        self.accounts.values().filter(admin).count()
    }

    /// Tokens that can still be used, newest first; of one account, or of all.
    pub(crate) fn tokens(&self, account_id: Option<&str>, now_ms: i64) -> Vec<&StoredToken> {
        let of = |token: &&StoredToken| account_id.is_none_or(|id| token.account_id == id) && !is_over(token, now_ms);
        let mut all: Vec<&StoredToken> = self.tokens.values().map(|held| &held.token).filter(of).collect();
        let age = |token: &StoredToken| token.created.as_ref().map_or(0, convert::millis);
        all.sort_by(|one, other| age(other).cmp(&age(one)).then_with(|| one.id.cmp(&other.id)));
        all
    }

    /// The token with this hash, if it can still be used.
    pub(crate) fn token(&self, hash: &Hash, now_ms: i64) -> Option<&StoredToken> {
        let token = &self.tokens.get(hash)?.token;
        (!is_over(token, now_ms)).then_some(token)
    }

    /// Hashes of tokens that are of no use any more, at most `limit`.
    pub(crate) fn over(&self, now_ms: i64, limit: usize) -> Vec<Vec<u8>> {
        let over = self.tokens.values().filter(|held| is_over(&held.token, now_ms));
        over.map(|held| held.token.hash.clone()).take(limit).collect()
    }

    /// Who calls with a token; it is used by that.
    pub(crate) fn use_token(&mut self, hash: &Hash, now_ms: i64) -> Option<Identity> {
        let held = self.tokens.get_mut(hash)?;
        if held.token.kind() == TokenKind::Invitation || is_over(&held.token, now_ms) {
            return None;
        }
        let account = self.accounts.get(&held.token.account_id)?;
        if account.disabled {
            return None;
        }
        held.token.seen = Some(convert::timestamp(now_ms.max(seen_ms(&held.token))));
        let mut to_store = None;
        if (now_ms - held.stored_seen_ms).abs() >= SEEN_EVERY_MS {
            held.stored_seen_ms = now_ms;
            to_store = Some(held.token.clone());
        }
        let most = match held.token.kind() {
            // Its user himself, with whatever rank he was given since.
            TokenKind::Session => Rank::Admin,
            _ => Rank::of_message(held.token.rank()).unwrap_or(Rank::Viewer),
        };
        Some(Identity {
            account: account.clone(),
            rank: most.min(rank_of(account)),
            session_id: held.token.id.clone(),
            to_store,
        })
    }

    /// Who calls by this uid.
    pub(crate) fn use_uid(&self, uid: u32) -> Option<Identity> {
        let account = self.by_uid(uid).filter(|account| !account.disabled)?;
        Some(Identity {
            account: account.clone(),
            rank: rank_of(account),
            session_id: String::new(),
            to_store: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str, rank: Rank, uids: &[u32]) -> StoredAccount {
        StoredAccount {
            id: id.to_owned(),
            name: format!("Name {id}"),
            rank: rank.message().into(),
            uids: uids.to_vec(),
            ..StoredAccount::default()
        }
    }

    fn token(letter: u8, account_id: &str, kind: TokenKind, rank: Rank) -> StoredToken {
        StoredToken {
            hash: vec![letter; 32],
            id: char::from(letter).to_string(),
            kind: kind.into(),
            account_id: account_id.to_owned(),
            rank: rank.message().into(),
            created: Some(convert::timestamp(0)),
            expires: Some(convert::timestamp(12 * 3_600_000)),
            ..StoredToken::default()
        }
    }

    fn book() -> Book {
        let mut book = Book::default();
        book.put_account(account("a", Rank::Operator, &[7, 8]));
        book.put_token(token(b's', "a", TokenKind::Session, Rank::Admin));
        book.put_token(token(b't', "a", TokenKind::Service, Rank::Viewer));
        book.put_token(token(b'i', "a", TokenKind::Invitation, Rank::Viewer));
        book
    }

    #[test]
    fn a_token_gives_the_smaller_of_two_ranks_and_an_invitation_none() {
        let mut book = book();
        assert!(!Book::default().is_in_use() && book.is_in_use());
        assert_eq!(book.use_token(&[b's'; 32], 5).unwrap().rank, Rank::Operator);
        assert_eq!(book.use_token(&[b't'; 32], 5).unwrap().rank, Rank::Viewer);
        assert_eq!(book.use_token(&[b'i'; 32], 5), None);
        assert_eq!(book.use_token(&[b'x'; 32], 5), None);
        assert_eq!(book.use_uid(8).unwrap().rank, Rank::Operator);
        assert_eq!(book.use_uid(0), None, "root is nobody special");
    }

    #[test]
    fn a_session_idles_out_and_everything_expires() {
        let mut book = book();
        let session = [b's'; 32];
        for step in 1..=3 {
            assert!(
                book.use_token(&session, step * IDLE_MS).is_some(),
                "used each half hour it stays"
            );
        }
        assert!(book.use_token(&session, 4 * IDLE_MS + 1).is_none());
        assert!(
            book.use_token(&[b't'; 32], 12 * 3_600_000 - 1).is_some(),
            "a service token does not idle out"
        );
        assert!(book.use_token(&[b't'; 32], 12 * 3_600_000).is_none());
        assert_eq!(book.over(12 * 3_600_000, 9).len(), 3);
    }

    #[test]
    fn use_is_stored_once_a_minute() {
        let mut book = book();
        let mut stored = |now_ms| book.use_token(&[b's'; 32], now_ms).unwrap().to_store.is_some();
        assert_eq!(
            [1, 59_999, 60_000, 60_001, 120_000].map(&mut stored),
            [false, false, true, false, true]
        );
    }

    #[test]
    fn an_account_that_changes_leaves_nothing_of_what_it_was() {
        let mut book = book();
        let mut changed = account("a", Rank::Admin, &[9]);
        changed.name = "Other".to_owned();
        book.put_account(changed.clone());
        assert!(book.by_name("name A").is_none() && book.by_name(" OTHER").is_some());
        assert!(book.by_uid(7).is_none() && book.by_uid(9).is_some());
        assert_eq!(book.admins(), 1);
        changed.disabled = true;
        book.put_account(changed);
        assert_eq!(
            (book.admins(), book.use_uid(9), book.use_token(&[b't'; 32], 5)),
            (0, None, None)
        );
    }
}
