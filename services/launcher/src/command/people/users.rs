//! `sla user`.

use color_eyre::eyre::Report;
use serde_json::{Value, json};
use sla_domain::SafeText;
use sla_proto::account::v1::{
    AddUserRequest, ChangePasswordRequest, CreateInvitationRequest, ListUsersRequest, UpdateUserRequest, User,
    WhoAmIRequest,
};
use sla_proto::convert;
use sla_proto::peer::Rank;
use sla_views as views;
use zeroize::Zeroizing;

use super::secrets;
use crate::cli::{Secret, UserAction, UserArgs};
use crate::command::{Session, table};
use crate::exit::{Exit, Failure};
use crate::output;

/// Adds, lists and changes users.
pub(crate) async fn users(session: &Session, arguments: UserArgs) -> Result<Exit, Report> {
    let update = |name: String| UpdateUserRequest {
        name,
        ..UpdateUserRequest::default()
    };
    match arguments.action {
        UserAction::Add {
            name,
            role,
            uid,
            no_password,
            secret,
        } => add(session, name, role, uid, no_password, &secret).await,
        UserAction::List => list(session).await,
        UserAction::Role { name, role } => {
            let rank = role.message().into();
            change(session, UpdateUserRequest { rank, ..update(name) }).await
        }
        UserAction::Map { name, uid, remove_uid } => {
            let request = UpdateUserRequest {
                add_uids: uid,
                remove_uids: remove_uid,
                ..update(name)
            };
            change(session, request).await
        }
        UserAction::Disable { name } => {
            let disabled = Some(true);
            change(
                session,
                UpdateUserRequest {
                    disabled,
                    ..update(name)
                },
            )
            .await
        }
        UserAction::Enable { name } => {
            let disabled = Some(false);
            change(
                session,
                UpdateUserRequest {
                    disabled,
                    ..update(name)
                },
            )
            .await
        }
        UserAction::Passwd { name, secret } => passwd(session, name, &secret).await,
        UserAction::Invite { role, lifetime } => {
            let request = CreateInvitationRequest {
                rank: role.message().into(),
                lifetime: Some(convert::duration(lifetime.ms())),
            };
            invite(session, request).await
        }
    }
}

async fn add(
    session: &Session,
    name: String,
    role: Rank,
    uids: Vec<u32>,
    no_password: bool,
    secret: &Secret,
) -> Result<Exit, Report> {
    // Before anybody types a password for nothing.
    let peer = session.peer().await?;
    let password = if no_password || !secrets::is_given(secret) {
        Zeroizing::default()
    } else {
        secrets::new_password(secret, &name)?
    };
    let request = AddUserRequest {
        name,
        rank: role.message().into(),
        uids,
        password: password.to_string(),
    };
    let added = peer.account().add_user(request).await?.into_inner();
    let user = added.user.unwrap_or_default();
    if session.global.json {
        output::print_json(&json!({ "user": user_json(&user), "first": added.first }));
        return Ok(Exit::OK);
    }
    output::print(&format!("{} is added: {}", SafeText::new(&user.name), words(&user)));
    if added.first {
        output::print(
            "From now on every call to this instance needs a user. Yours is known by your uid at the Unix socket. Others:\n  \
             sla user add NAME --role editor --uid N   a user of this system, without a password\n  \
             sla user add NAME --role viewer           logs in with a password: `sla login NAME`\n  \
             sla user map NAME --uid N                 a further uid of a user\n  \
             sla token create NAME --role viewer       for a program",
        );
    }
    Ok(Exit::OK)
}

async fn list(session: &Session) -> Result<Exit, Report> {
    let peer = session.peer().await?;
    let users = peer.account().list_users(ListUsersRequest {}).await?.into_inner().users;
    if session.global.json {
        output::print_json(&json!({ "users": users.iter().map(user_json).collect::<Vec<_>>() }));
        return Ok(Exit::OK);
    }
    let rows: Vec<Vec<String>> = users
        .iter()
        .map(|user| {
            let yes = |flag: bool, word: &str| if flag { word.to_owned() } else { "–".to_owned() };
            let state = if user.disabled { "disabled" } else { "active" };
            let created = user.created.as_ref().map_or_else(String::new, |created| {
                sla_domain::instant::format_ms(convert::millis(created))
            });
            let password = yes(user.has_password, "yes");
            vec![
                user.name.clone(),
                rank_word(user).to_owned(),
                state.to_owned(),
                uids(user),
                password,
                created,
            ]
        })
        .collect();
    output::print(&table::table(
        &["NAME", "ROLE", "STATE", "UIDS", "PASSWORD", "ADDED"],
        &rows,
    ));
    Ok(Exit::OK)
}

async fn change(session: &Session, request: UpdateUserRequest) -> Result<Exit, Report> {
    let peer = session.peer().await?;
    let changed = peer.account().update_user(request).await?.into_inner();
    let user = changed.user.unwrap_or_default();
    if session.global.json {
        output::print_json(&json!({ "user": user_json(&user), "sessions_ended": changed.ended }));
        return Ok(Exit::OK);
    }
    let ended = match changed.ended {
        0 => String::new(),
        1 => "; 1 session has ended".to_owned(),
        count => format!("; {count} sessions have ended"),
    };
    output::print(&format!("{}: {}{ended}", SafeText::new(&user.name), words(&user)));
    Ok(Exit::OK)
}

/// One's own password needs the old one; an admin sets anybody's.
async fn passwd(session: &Session, name: Option<String>, secret: &Secret) -> Result<Exit, Report> {
    let peer = session.peer().await?;
    let me = peer.account().who_am_i(WhoAmIRequest {}).await?.into_inner();
    let own = me.user.unwrap_or_default();
    let name = match name {
        Some(name) => name,
        None if own.name.is_empty() => {
            return Err(Failure::new(Exit::USAGE, "this instance has no users yet: `sla user add NAME`").into());
        }
        None => own.name.clone(),
    };
    if name.to_lowercase() != own.name.to_lowercase() || !own.has_password {
        let password = secrets::new_password(secret, &name)?.to_string();
        let request = UpdateUserRequest {
            name,
            password,
            ..UpdateUserRequest::default()
        };
        return change(session, request).await;
    }
    let old = secrets::ask("Old password: ")?;
    let new = secrets::new_password(secret, &name)?;
    let request = ChangePasswordRequest {
        old_password: old.to_string(),
        new_password: new.to_string(),
    };
    let ended = peer.account().change_password(request).await?.into_inner().ended;
    if session.global.json {
        output::print_json(&json!({ "sessions_ended": ended }));
    } else {
        output::print(&format!("the password is changed; {ended} other sessions have ended"));
    }
    Ok(Exit::OK)
}

async fn invite(session: &Session, request: CreateInvitationRequest) -> Result<Exit, Report> {
    let peer = session.peer().await?;
    let invitation = peer.account().create_invitation(request).await?.into_inner();
    if session.global.json {
        let expires = views::time(invitation.expires.as_ref());
        output::print_json(&json!({ "code": invitation.code, "expires": expires }));
        return Ok(Exit::OK);
    }
    output::remark("The code works once: `sla register NAME --invitation-file FILE`.");
    output::print(&invitation.code);
    Ok(Exit::OK)
}

fn rank_word(user: &User) -> &'static str {
    Rank::of_message(user.rank()).map_or("–", Rank::word)
}

fn uids(user: &User) -> String {
    let uids: Vec<String> = user.uids.iter().map(ToString::to_string).collect();
    if uids.is_empty() {
        "–".to_owned()
    } else {
        uids.join(" ")
    }
}

fn words(user: &User) -> String {
    let mut words = vec![rank_word(user).to_owned()];
    if !user.uids.is_empty() {
        words.push(format!("uid {}", uids(user)));
    }
    words.push(
        if user.has_password {
            "logs in with a password"
        } else {
            "has no password"
        }
        .to_owned(),
    );
    if user.disabled {
        words.push("disabled".to_owned());
    }
    words.join(", ")
}

/// A user as JSON.
pub(super) fn user_json(user: &User) -> Value {
    json!({
        "id": user.id,
        "name": user.name,
        "role": rank_word(user),
        "disabled": user.disabled,
        "uids": user.uids,
        "has_password": user.has_password,
        "created": views::time(user.created.as_ref()),
    })
}
