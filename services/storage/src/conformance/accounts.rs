//! Accounts: versions, names, tokens that are used once, all or nothing; and the audit log of everything.

use std::collections::BTreeSet;

use sla_proto::account::v1::{AuditEntry, Rank};
use sla_proto::convert;
use sla_proto::etl::v1::Schedule;
use sla_proto::objective::v1::SlaSet;
use sla_proto::storage::v1::{AccountPut, ChangeAccountsRequest, StoredAccount, StoredToken, TokenKind};
use sla_runtime::reason;
use tonic::Code;

use super::refusals::refused;
use crate::port::{Page, SetDelete, SetPut, Store};

fn put(account: &StoredAccount, name: &str) -> ChangeAccountsRequest {
    let expected_version = account.version;
    let account = StoredAccount {
        name: name.to_owned(),
        ..account.clone()
    };
    ChangeAccountsRequest {
        puts: vec![AccountPut {
            account: Some(account),
            expected_version,
        }],
        ..ChangeAccountsRequest::default()
    }
}

fn token(id: &str, account_id: &str) -> StoredToken {
    StoredToken {
        hash: vec![id.as_bytes()[0]; 32],
        id: id.to_owned(),
        kind: TokenKind::Session.into(),
        account_id: account_id.to_owned(),
        rank: Rank::Editor.into(),
        expires: Some(convert::timestamp(5_000)),
        ..StoredToken::default()
    }
}

fn entry(action: &str) -> AuditEntry {
    AuditEntry {
        author: "ada".to_owned(),
        action: action.to_owned(),
        ..AuditEntry::default()
    }
}

/// Pages of one row each, and all of them.
async fn names(store: &dyn Store) -> BTreeSet<String> {
    let (mut names, mut after) = (BTreeSet::new(), None);
    loop {
        let page = store.accounts(Page { size: 1, after }).await.unwrap();
        names.extend(page.rows.into_iter().map(|account| account.name));
        after = page.next;
        if after.is_none() {
            return names;
        }
    }
}

async fn token_ids(store: &dyn Store) -> Vec<String> {
    let tokens = store.tokens(Page::first(100)).await.unwrap().rows;
    tokens.into_iter().map(|token| token.id).collect()
}

async fn actions(store: &dyn Store, count: usize) -> Vec<String> {
    let page = store.audit(Page::first(count)).await.unwrap();
    page.rows.into_iter().map(|entry| entry.action).collect()
}

/// The suite of [`crate::port::AccountStore`].
pub async fn accounts(store: &dyn Store) {
    let change = ChangeAccountsRequest {
        tokens: vec![token("a-token", "")],
        audit: vec![entry("user.add")],
        ..put(&StoredAccount::default(), "Ada")
    };
    let ada = store.change_accounts(change).await.unwrap().remove(0);
    assert_eq!((ada.version, ada.id.is_empty()), (1, false));
    let kept = store.tokens(Page::first(9)).await.unwrap().rows.remove(0);
    assert_eq!(kept.account_id, ada.id, "a token of an account that is made with it");
    refused(
        store.change_accounts(put(&StoredAccount::default(), " aDA")).await,
        Code::AlreadyExists,
        reason::NAME_TAKEN,
    );
    refused(
        store.change_accounts(put(&StoredAccount::default(), " ")).await,
        Code::InvalidArgument,
        reason::INVALID_FIELD,
    );
    let second = store.change_accounts(put(&ada, "Ada L.")).await.unwrap().remove(0);
    assert_eq!(second.version, 2);
    refused(
        store.change_accounts(put(&ada, "late")).await,
        Code::ResourceExhausted,
        reason::OVERLOADED,
    );
    store
        .change_accounts(put(&StoredAccount::default(), "bob"))
        .await
        .unwrap();
    assert_eq!(
        names(store).await,
        BTreeSet::from(["Ada L.".to_owned(), "bob".to_owned()])
    );

    // Used once: the second who comes with it changes nothing at all.
    let invited = |name: &str| ChangeAccountsRequest {
        ended: vec![vec![b'a'; 32]],
        must_end: vec![b'a'; 32],
        tokens: vec![token("c-token", "")],
        audit: vec![entry("user.register")],
        ..put(&StoredAccount::default(), name)
    };
    store.change_accounts(invited("carl")).await.unwrap();
    refused(
        store.change_accounts(invited("dora")).await,
        Code::NotFound,
        reason::NOT_FOUND,
    );
    assert_eq!(
        (names(store).await.len(), token_ids(store).await),
        (3, vec!["c-token".to_owned()])
    );
    let gone = ChangeAccountsRequest {
        ended: vec![vec![b'a'; 32], vec![b'c'; 32]],
        ..ChangeAccountsRequest::default()
    };
    store.change_accounts(gone).await.unwrap();
    assert!(token_ids(store).await.is_empty());
    assert_eq!(actions(store, 2).await, ["user.register", "user.add"]);
    audit(store).await;
}

/// Sets and the schedule are in it with before and after; what roles do of their own accord is not.
async fn audit(store: &dyn Store) {
    let set = |version, author: &str, description: &str| SetPut {
        set: SlaSet {
            id: "audited".to_owned(),
            name: "Audited".to_owned(),
            description: description.to_owned(),
            author: author.to_owned(),
            ..SlaSet::default()
        },
        expected_version: version,
    };
    let before = actions(store, 1000).await.len();
    store
        .put_sets(vec![set(0, "system", "of itself")], vec![])
        .await
        .unwrap();
    store.put_sets(vec![set(1, "ada", "by hand")], vec![]).await.unwrap();
    assert!(store.put_sets(vec![set(1, "ada", "too late")], vec![]).await.is_err());
    store.put_schedule(Schedule::default(), "").await.unwrap();
    let paused = Schedule {
        paused: true,
        ..Schedule::default()
    };
    store.put_schedule(paused, "bob").await.unwrap();
    let gone = SetDelete {
        id: "audited".to_owned(),
        expected_version: 2,
        author: "carl".to_owned(),
    };
    store.delete_set(gone).await.unwrap();
    let page = store.audit(Page::first(3)).await.unwrap();
    let told = |entry: &AuditEntry| (entry.author.clone(), entry.action.clone(), entry.subject.clone());
    let expected = [
        ("carl", "set.delete", "Audited"),
        ("bob", "schedule.update", "schedule"),
        ("ada", "set.update", "Audited"),
    ];
    let expected = expected.map(|(author, action, subject)| (author.to_owned(), action.to_owned(), subject.to_owned()));
    assert_eq!(page.rows.iter().map(told).collect::<Vec<_>>(), expected);
    let [deleted, schedule, updated] = page.rows.try_into().unwrap();
    assert!(deleted.before.contains("by hand") && deleted.after.is_empty());
    assert!(updated.before.contains("of itself") && updated.after.contains("by hand"));
    assert!(!schedule.before.contains("paused") && schedule.after.contains("paused"));
    assert!(deleted.id > schedule.id && deleted.at.is_some());
    assert_eq!(actions(store, 1000).await.len(), before + 3);
}
