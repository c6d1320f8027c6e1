//! Adding and changing users, registering, passwords.

use sla_domain::SafeText;
use sla_proto::account::v1::UpdateUserRequest;
use sla_proto::convert;
use sla_proto::peer::Rank;
use sla_proto::storage::v1::{ChangeAccountsRequest, StoredAccount, TokenKind};

use crate::book::rank_of;
use crate::error::AccountError;
use crate::hashing::Hashing;
use crate::keeper::{Keeper, put};
use crate::options::Registration;
use crate::password::{self, Password};
use crate::secret;
use crate::sessions::entry;

/// Characters of a name.
const NAME_CHARS: std::ops::RangeInclusive<usize> = 2..=32;
/// System users that one user may be.
const MAX_UIDS: usize = 16;

/// A user to be added.
pub(crate) struct NewUser {
    pub(crate) name: String,
    pub(crate) rank: Rank,
    pub(crate) uids: Vec<u32>,
    /// Empty: none.
    pub(crate) password: Password,
}

/// Adds a user for `author`; whether it is the first one. That one is an admin and gets `socket_uid`, and only from the host
/// of the instance can it be made: `None` from elsewhere.
pub(crate) async fn add(
    keeper: &Keeper,
    hashing: &Hashing,
    mut wanted: NewUser,
    socket_uid: Option<u32>,
    author: &str,
) -> Result<(StoredAccount, bool), AccountError> {
    check_name(&wanted.name)?;
    let password = hash(hashing, &wanted.password, &wanted.name).await?;
    let turn = keeper.turn().await;
    let first = !keeper.book().await?.is_in_use();
    if first {
        let uid = socket_uid.ok_or_else(|| AccountError::Refused {
            words: "the first user is added on the host of the instance".to_owned(),
            hint: "run `sla user add NAME` there".to_owned(),
        })?;
        wanted.rank = Rank::Admin;
        if !wanted.uids.contains(&uid) {
            wanted.uids.push(uid);
        }
    }
    let account = StoredAccount {
        name: wanted.name.trim().to_owned(),
        rank: wanted.rank.message().into(),
        uids: wanted.uids,
        password,
        created: Some(convert::timestamp(keeper.now_ms())),
        ..StoredAccount::default()
    };
    free(keeper, &account).await?;
    let author = if first { account.name.as_str() } else { author };
    let change = ChangeAccountsRequest {
        audit: vec![entry(author, "user.add", &account.name, "", &words(&account))],
        ..put(account.clone())
    };
    let added = keeper.change(&turn, change).await?;
    Ok((added.into_iter().next().unwrap_or(account), first))
}

/// Makes an account for whoever asks, as far as `registration` lets him.
pub(crate) async fn register(
    keeper: &Keeper,
    hashing: &Hashing,
    registration: Registration,
    name: &str,
    password: &Password,
    invitation: &str,
) -> Result<StoredAccount, AccountError> {
    check_name(name)?;
    if !keeper.book().await?.is_in_use() {
        return Err(nobody_yet());
    }
    let invited = match registration {
        Registration::Closed => {
            return Err(AccountError::Refused {
                words: "nobody can register here".to_owned(),
                hint: "ask an admin: `sla user add NAME`".to_owned(),
            });
        }
        Registration::Open if invitation.is_empty() => None,
        Registration::Open | Registration::Invitation => Some(invited(keeper, invitation).await?),
    };
    if password.is_empty() {
        return Err(weak("must be given"));
    }
    let stored = hash(hashing, password, name).await?;
    let turn = keeper.turn().await;
    let (rank, used) = invited.unwrap_or_else(|| (Rank::Viewer, Vec::new()));
    let account = StoredAccount {
        name: name.trim().to_owned(),
        rank: rank.message().into(),
        password: stored,
        created: Some(convert::timestamp(keeper.now_ms())),
        ..StoredAccount::default()
    };
    free(keeper, &account).await?;
    let change = ChangeAccountsRequest {
        ended: Some(used.clone()).filter(|hash| !hash.is_empty()).into_iter().collect(),
        must_end: used,
        audit: vec![entry(
            &account.name,
            "user.register",
            &account.name,
            "",
            &words(&account),
        )],
        ..put(account.clone())
    };
    let added = keeper.change(&turn, change).await?;
    Ok(added.into_iter().next().unwrap_or(account))
}

async fn invited(keeper: &Keeper, code: &str) -> Result<(Rank, Vec<u8>), AccountError> {
    let book = keeper.book().await?;
    let token = book.token(&secret::hash(code.trim()), keeper.now_ms());
    let token = token.filter(|token| token.kind() == TokenKind::Invitation);
    let token = token.ok_or_else(|| {
        let rule = "the code is not one of an invitation, or was used, or has expired";
        AccountError::invalid("invitation", rule, "ask an admin for a new one: `sla user invite`")
    })?;
    Ok((
        Rank::of_message(token.rank()).unwrap_or(Rank::Viewer),
        token.hash.clone(),
    ))
}

/// Changes what is given; gives how many sessions ended by it.
pub(crate) async fn update(
    keeper: &Keeper,
    hashing: &Hashing,
    request: &UpdateUserRequest,
    author: &str,
) -> Result<(StoredAccount, u32), AccountError> {
    let password = Password::new(request.password.clone());
    let hashed = hash(hashing, &password, &request.name).await?;
    let turn = keeper.turn().await;
    let (before, admins) = {
        let book = keeper.book().await?;
        let account = book
            .by_name(&request.name)
            .ok_or_else(|| AccountError::no_user(&request.name))?;
        (account.clone(), book.admins())
    };
    let mut after = before.clone();
    if let Some(rank) = Rank::of_message(request.rank()) {
        after.rank = rank.message().into();
    }
    after.disabled = request.disabled.unwrap_or(before.disabled);
    after.uids.retain(|uid| !request.remove_uids.contains(uid));
    after.uids.extend(&request.add_uids);
    after.uids.sort_unstable();
    after.uids.dedup();
    let new_password = hashed.is_some();
    if new_password {
        after.password = hashed;
    }
    let was_admin = !before.disabled && rank_of(&before) == Rank::Admin;
    let is_admin = !after.disabled && rank_of(&after) == Rank::Admin;
    if was_admin && !is_admin && admins <= 1 {
        return Err(AccountError::Refused {
            words: format!("{} is the last admin", before.name),
            hint: "make somebody else an admin first: `sla user role NAME admin`".to_owned(),
        });
    }
    if after == before {
        return Ok((before, 0));
    }
    free(keeper, &after).await?;
    let ended = if new_password || after.disabled {
        sessions_of(keeper, &before.id, after.disabled, "").await?
    } else {
        Vec::new()
    };
    let action = if after.disabled != before.disabled {
        if after.disabled { "user.disable" } else { "user.enable" }
    } else if after.rank != before.rank {
        "user.role"
    } else if new_password {
        "user.password"
    } else {
        "user.map"
    };
    let count = ended.len() as u32;
    let change = ChangeAccountsRequest {
        ended,
        audit: vec![entry(author, action, &before.name, &words(&before), &words(&after))],
        ..put(after.clone())
    };
    let changed = keeper.change(&turn, change).await?;
    Ok((changed.into_iter().next().unwrap_or(after), count))
}

/// Replaces one's own password, the old one being right, and ends the other sessions.
pub(crate) async fn change_password(
    keeper: &Keeper,
    hashing: &Hashing,
    account: &StoredAccount,
    new: &Password,
    session_id: &str,
) -> Result<u32, AccountError> {
    if new.is_empty() {
        return Err(weak("must be given"));
    }
    let hashed = hash(hashing, new, &account.name).await?;
    let turn = keeper.turn().await;
    let ended = sessions_of(keeper, &account.id, false, session_id).await?;
    let count = ended.len() as u32;
    let after = StoredAccount {
        password: hashed,
        ..account.clone()
    };
    let change = ChangeAccountsRequest {
        ended,
        audit: vec![entry(&account.name, "user.password", &account.name, "", "")],
        ..put(after)
    };
    keeper.change(&turn, change).await?;
    Ok(count)
}

/// Hashes of the sessions of an account but for one, and of its service tokens too where `all` is said.
async fn sessions_of(keeper: &Keeper, id: &str, all: bool, but: &str) -> Result<Vec<Vec<u8>>, AccountError> {
    let book = keeper.book().await?;
    let tokens = book.tokens(Some(id), keeper.now_ms()).into_iter();
    let ending = tokens.filter(|token| token.id != but && (all || token.kind() == TokenKind::Session));
    Ok(ending.map(|token| token.hash.clone()).collect())
}

async fn hash(
    hashing: &Hashing,
    password: &Password,
    name: &str,
) -> Result<Option<sla_proto::storage::v1::PasswordHash>, AccountError> {
    if password.is_empty() {
        return Ok(None);
    }
    if let Some(rule) = password::weakness(password, name.trim()) {
        return Err(weak(rule));
    }
    hashing.hash(password.clone()).await.map(Some)
}

fn weak(rule: &str) -> AccountError {
    AccountError::invalid(
        "password",
        format!("the password {rule}"),
        "give one of 10 to 256 characters that is no word",
    )
}

/// What somebody hears who asks for something that only users have.
pub(crate) fn nobody_yet() -> AccountError {
    AccountError::Refused {
        words: "this instance has no users yet: nobody is asked who he is".to_owned(),
        hint: "`sla user add NAME` on its host makes the first one, an admin".to_owned(),
    }
}

/// As it stands in the audit log.
fn words(account: &StoredAccount) -> String {
    let mut text = rank_of(account).word().to_owned();
    if !account.uids.is_empty() {
        let uids: Vec<String> = account.uids.iter().map(ToString::to_string).collect();
        text.push_str(&format_args!(", uid {}", uids.join(" ")).to_string());
    }
    if account.disabled {
        text.push_str(", disabled");
    }
    text
}

fn check_name(name: &str) -> Result<(), AccountError> {
    let name = name.trim();
    let allowed = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_' | '@' | '+');
    let starts = name.starts_with(|letter: char| letter.is_alphanumeric());
    if NAME_CHARS.contains(&name.chars().count()) && starts && name.chars().all(allowed) {
        return Ok(());
    }
    let rule = format!(
        "{:?} is no name: 2 to 32 letters, digits and . - _ @ +, the first one a letter or digit",
        SafeText::with_limit(name, 40).as_str()
    );
    Err(AccountError::invalid("name", rule, "choose another name"))
}

/// Whether name and uids of an account belong to nobody else.
async fn free(keeper: &Keeper, account: &StoredAccount) -> Result<(), AccountError> {
    let book = keeper.book().await?;
    if account.uids.len() > MAX_UIDS {
        return Err(AccountError::invalid(
            "uids",
            "a user has at most 16 uids",
            "give fewer",
        ));
    }
    if book.by_name(&account.name).is_some_and(|other| other.id != account.id) {
        return Err(AccountError::NameTaken {
            name: account.name.clone(),
        });
    }
    for &uid in &account.uids {
        if let Some(owner) = book.by_uid(uid).filter(|owner| owner.id != account.id) {
            return Err(AccountError::UidTaken {
                uid,
                owner: owner.name.clone(),
            });
        }
    }
    Ok(())
}
