//! `AccountStore`: accounts with an optimistic lock, tokens by the hash of their secret, each change with its entries of the
//! audit log in one transaction.

use async_trait::async_trait;
use prost::Message as _;
use sla_proto::account::v1::AuditEntry;
use sla_proto::convert;
use sla_proto::storage::v1::{AccountPut, ChangeAccountsRequest, StoredAccount, StoredToken};

use super::{SqlStore, audit};
use crate::error::StoreError;
use crate::page;
use crate::port::{AccountStore, MAX_ACCOUNT_ROWS, MAX_ACCOUNTS, Page, Paged};
use crate::stored::{decoded, new_id, signed};
use crate::transaction::{Database, Insert, Met, Transaction};
use crate::value::{Row, values};

/// The longest id or name, in bytes.
const MAX_NAME_BYTES: usize = 256;
/// The largest account or token, encoded.
const MAX_BODY_BYTES: usize = 16 << 10;
/// Bytes of the hash of a token.
const HASH_BYTES: usize = 32;

const LIST: &str = "SELECT id, body FROM sla_account WHERE id > ? ORDER BY id LIMIT ?";
const LIST_TOKENS: &str = "SELECT id, body FROM sla_token WHERE id > ? ORDER BY id LIMIT ?";
const GET: &str = "SELECT body FROM sla_account WHERE id = ?";
const COUNT: &str = "SELECT COUNT(*) FROM sla_account";
const NAME_OWNER: &str = "SELECT id FROM sla_account WHERE name_key = ?";
const REPLACE: &str = "UPDATE sla_account SET name_key = ?, version = ?, body = ? WHERE id = ? AND version = ?";
const END: &str = "DELETE FROM sla_token WHERE hash = ?";
const CREATE: Insert = Insert {
    table: "sla_account",
    key: &["id"],
    columns: &["name_key", "version", "body"],
    met: Met::Keep,
};
const PUT_TOKEN: Insert = Insert {
    table: "sla_token",
    key: &["hash"],
    columns: &["id", "account_id", "until_ms", "body"],
    met: Met::Replace,
};

#[async_trait]
impl<D: Database> AccountStore for SqlStore<D> {
    async fn accounts(&self, page: Page) -> Result<Paged<StoredAccount>, StoreError> {
        self.database
            .read(move |tx| by_id(tx, LIST, &page, |row| decoded("account", row.bytes(1)?)))
            .await
    }

    async fn tokens(&self, page: Page) -> Result<Paged<StoredToken>, StoreError> {
        self.database
            .read(move |tx| by_id(tx, LIST_TOKENS, &page, |row| decoded("token", row.bytes(1)?)))
            .await
    }

    async fn change_accounts(&self, change: ChangeAccountsRequest) -> Result<Vec<StoredAccount>, StoreError> {
        check(&change)?;
        let now_ms = self.clock.now_ms();
        self.database.write(move |tx| apply(tx, &change, now_ms)).await
    }

    async fn audit(&self, page: Page) -> Result<Paged<AuditEntry>, StoreError> {
        self.database.read(move |tx| audit::page(tx, &page)).await
    }
}

fn by_id<T>(
    tx: &mut dyn Transaction,
    sql: &str,
    wanted: &Page,
    row: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Paged<T>, StoreError> {
    let after = wanted.after.as_deref().unwrap_or_default();
    let rows = tx.rows(sql, &values![after, page::wanted(wanted.size)])?;
    page::cut(rows, wanted.size, Row::size, |row| row.text(0), |found| row(&found))
}

fn apply(
    tx: &mut dyn Transaction,
    change: &ChangeAccountsRequest,
    now_ms: i64,
) -> Result<Vec<StoredAccount>, StoreError> {
    for hash in &change.ended {
        let ended = tx.execute(END, &values![hash])?;
        if ended == 0 && *hash == change.must_end {
            return Err(StoreError::NotFound {
                what: "token",
                id: "that was to be used up".to_owned(),
            });
        }
    }
    let accounts: Vec<StoredAccount> = change
        .puts
        .iter()
        .map(|put| put_one(tx, put))
        .collect::<Result<_, _>>()?;
    for token in &change.tokens {
        // A token that was made for an account of this same change: there is only one then.
        let owner = match (token.account_id.as_str(), accounts.as_slice()) {
            ("", [account]) => account.id.clone(),
            (id, _) => id.to_owned(),
        };
        let stored = StoredToken {
            account_id: owner,
            ..token.clone()
        };
        let until_ms = token.expires.as_ref().map_or(0, convert::millis);
        let row = values![
            &token.hash,
            &token.id,
            &stored.account_id,
            until_ms,
            stored.encode_to_vec()
        ];
        tx.insert(&PUT_TOKEN, &row)?;
    }
    for entry in &change.audit {
        audit::append(tx, now_ms, entry)?;
    }
    Ok(accounts)
}

/// Names are compared without regard to case and outer space.
fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

fn put_one(tx: &mut dyn Transaction, put: &AccountPut) -> Result<StoredAccount, StoreError> {
    let mut account = put.account.clone().unwrap_or_default();
    if account.id.is_empty() {
        account.id = new_id()?;
    }
    let key = name_key(&account.name);
    let owner = tx.row(NAME_OWNER, &values![&key])?.map(|row| row.text(0)).transpose()?;
    if owner.is_some_and(|owner| owner != account.id) {
        return Err(StoreError::UserTaken { name: account.name });
    }
    let before = signed("expected_version", put.expected_version)?;
    account.version = put.expected_version + 1;
    if put.expected_version == 0 {
        let count: i64 = tx.row(COUNT, &[])?.map_or(Ok(0), |row| row.number(0))?;
        if count >= MAX_ACCOUNTS as i64 {
            return Err(StoreError::invalid(
                "name",
                count,
                "at most 1000 users",
                "disable and reuse one",
            ));
        }
        let row = values![&account.id, key, before + 1, account.encode_to_vec()];
        if tx.insert(&CREATE, &row)? == 0 {
            return Err(StoreError::Overtaken);
        }
    } else {
        let row = values![key, before + 1, account.encode_to_vec(), &account.id, before];
        if tx.execute(REPLACE, &row)? == 0 {
            return Err(match tx.row(GET, &values![&account.id])? {
                Some(_) => StoreError::Overtaken,
                None => StoreError::NotFound {
                    what: "user",
                    id: account.name,
                },
            });
        }
    }
    Ok(account)
}

fn check(change: &ChangeAccountsRequest) -> Result<(), StoreError> {
    let rows = change.puts.len() + change.tokens.len() + change.ended.len() + change.audit.len();
    if rows > MAX_ACCOUNT_ROWS {
        return Err(StoreError::invalid(
            "puts",
            rows,
            "at most 500 rows",
            "change less at once",
        ));
    }
    for (at, put) in change.puts.iter().enumerate() {
        let account = put.account.clone().unwrap_or_default();
        let name = account.name.trim();
        if name.is_empty() || name.len() > MAX_NAME_BYTES || account.id.len() > MAX_NAME_BYTES {
            return Err(StoreError::invalid(
                format!("puts[{at}].account.name"),
                name,
                "must have 1 to 256 bytes",
                "give a short name",
            ));
        }
        large(format!("puts[{at}].account"), account.encoded_len())?;
    }
    for (at, token) in change.tokens.iter().enumerate() {
        if token.hash.len() != HASH_BYTES || token.id.is_empty() || token.id.len() > MAX_NAME_BYTES {
            return Err(StoreError::invalid(
                format!("tokens[{at}].hash"),
                format!("{} bytes", token.hash.len()),
                "32 bytes, and an id",
                "give the SHA-256 of the secret",
            ));
        }
        large(format!("tokens[{at}]"), token.encoded_len())?;
    }
    Ok(())
}

fn large(field: String, bytes: usize) -> Result<(), StoreError> {
    if bytes <= MAX_BODY_BYTES {
        return Ok(());
    }
    Err(StoreError::invalid(field, bytes, "at most 16 KiB", "give less"))
}
