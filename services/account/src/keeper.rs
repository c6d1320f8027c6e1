//! Keeps the book and the storage the same: read once at the first call, then each change is written first and counted then.
//! One change at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sla_domain::Clock;
use sla_proto::Peer;
use sla_proto::storage::v1::{
    AccountPut, ChangeAccountsRequest, ListStoredAccountsRequest, ListStoredTokensRequest, StoredAccount,
};
use tokio::sync::{Mutex as Turn, MutexGuard as TurnGuard, OnceCell};

use crate::book::Book;
use crate::error::AccountError;

/// Rows read at once.
const PAGE: u32 = 500;
/// Tokens of no use that one change takes along.
const MAX_SWEPT: usize = 100;

/// The keeper. Shared by all parts of the role.
pub(crate) struct Keeper {
    peer: Peer,
    clock: Arc<dyn Clock>,
    book: OnceCell<Mutex<Book>>,
    turn: Turn<()>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

impl Keeper {
    pub(crate) fn new(peer: Peer, clock: Arc<dyn Clock>) -> Self {
        Self {
            peer,
            clock,
            book: OnceCell::new(),
            turn: Turn::new(()),
        }
    }

    /// Unix milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// The book, read from the storage when nobody has read it yet.
    pub(crate) async fn book(&self) -> Result<MutexGuard<'_, Book>, AccountError> {
        let book = self
            .book
            .get_or_try_init(|| async { self.read().await.map(Mutex::new) })
            .await?;
        // It is changed as a whole, after the storage was.
        Ok(book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The right to change something: what was read under it is still true when it is written.
    pub(crate) async fn turn(&self) -> TurnGuard<'_, ()> {
        self.turn.lock().await
    }

    async fn read(&self) -> Result<Book, AccountError> {
        let mut book = Book::default();
        let mut page_token = String::new();
        loop {
            let request = ListStoredAccountsRequest {
                page_size: PAGE,
                page_token,
            };
            let answer = self.peer.account_store().list_stored_accounts(request).await;
            let answer = answer.map_err(|status| AccountError::storage("reading the users", status))?;
            let answer = answer.into_inner();
            answer
                .accounts
                .into_iter()
                .for_each(|account| book.put_account(account));
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        loop {
            let request = ListStoredTokensRequest {
                page_size: PAGE,
                page_token,
            };
            let answer = self.peer.account_store().list_stored_tokens(request).await;
            let answer = answer.map_err(|status| AccountError::storage("reading the sessions", status))?;
            let answer = answer.into_inner();
            answer.tokens.into_iter().for_each(|token| book.put_token(token));
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                return Ok(book);
            }
        }
    }

    /// Writes a change, then counts it; gives the written accounts. Tokens of no use are swept out on the way. Needs the turn.
    pub(crate) async fn change(
        &self,
        _turn: &TurnGuard<'_, ()>,
        mut change: ChangeAccountsRequest,
    ) -> Result<Vec<StoredAccount>, AccountError> {
        let swept = self.book().await?.over(self.now_ms(), MAX_SWEPT);
        let swept: Vec<Vec<u8>> = swept.into_iter().filter(|hash| !change.ended.contains(hash)).collect();
        change.ended.extend(swept);
        let accounts = match self.peer.account_store().change_accounts(change.clone()).await {
            Ok(answer) => answer.into_inner().accounts,
            Err(status) => {
                // It may have been written all the same, with its answer lost.
                if let Ok(fresh) = self.read().await {
                    *self.book().await? = fresh;
                }
                return Err(AccountError::storage("storing the change", status));
            }
        };
        let mut book = self.book().await?;
        for account in &accounts {
            book.put_account(account.clone());
        }
        for hash in &change.ended {
            book.end(hash);
        }
        for mut token in change.tokens {
            // As the storage does it: a token that came with its account.
            if let ("", [account]) = (token.account_id.as_str(), accounts.as_slice()) {
                token.account_id.clone_from(&account.id);
            }
            book.put_token(token);
        }
        Ok(accounts)
    }

    /// Stores that a token was used. That it is lost costs its owner a minute.
    pub(crate) async fn seen(&self, token: sla_proto::storage::v1::StoredToken) {
        let _turn = self.turn().await;
        // Revoked meanwhile: it must not come back.
        let still = match self.book().await {
            Ok(book) => book
                .tokens(Some(&token.account_id), self.now_ms())
                .iter()
                .any(|known| known.id == token.id),
            Err(_) => false,
        };
        if !still {
            return;
        }
        let change = ChangeAccountsRequest {
            tokens: vec![token],
            ..ChangeAccountsRequest::default()
        };
        if let Err(status) = self.peer.account_store().change_accounts(change).await {
            tracing::warn!(error = %status, "the last use of a session could not be stored");
        }
    }
}

/// A change of one account.
pub(crate) fn put(account: StoredAccount) -> ChangeAccountsRequest {
    let expected_version = account.version;
    ChangeAccountsRequest {
        puts: vec![AccountPut {
            account: Some(account),
            expected_version,
        }],
        ..ChangeAccountsRequest::default()
    }
}
