//! `sla session` and `sla token`.

use color_eyre::eyre::{Report, WrapErr as _};
use serde_json::{Value, json};
use sla_domain::instant;
use sla_proto::account::v1::{CreateTokenRequest, ListSessionsRequest, RevokeSessionRequest, Session as Opened};
use sla_proto::peer::Rank;
use sla_proto::{Peer, convert};
use sla_views as views;

use super::keyring;
use crate::cli::{SessionAction, SessionArgs, TokenAction, TokenArgs};
use crate::command::{Session, table};
use crate::exit::{Exit, Failure};
use crate::output;

/// Lists and ends sessions.
pub(crate) async fn sessions(session: &Session, arguments: SessionArgs) -> Result<Exit, Report> {
    let peer = session.peer().await?;
    match arguments.action {
        Some(SessionAction::Revoke { id }) => revoke(session, &peer, id).await,
        Some(SessionAction::List { all: true, .. }) => {
            Ok(print(session, "sessions", &listed(&peer, "*".to_owned()).await?))
        }
        Some(SessionAction::List { user, .. }) => Ok(print(
            session,
            "sessions",
            &listed(&peer, user.unwrap_or_default()).await?,
        )),
        None => Ok(print(session, "sessions", &listed(&peer, String::new()).await?)),
    }
}

/// Makes, lists and ends tokens for programs.
pub(crate) async fn tokens(session: &Session, arguments: TokenArgs) -> Result<Exit, Report> {
    let peer = session.peer().await?;
    match arguments.action {
        None | Some(TokenAction::List) => {
            let mut own = listed(&peer, String::new()).await?;
            own.retain(|opened| !opened.token_name.is_empty());
            Ok(print(session, "tokens", &own))
        }
        Some(TokenAction::Revoke { token }) => {
            let own = listed(&peer, String::new()).await?;
            let found = own.into_iter().find(|opened| opened.token_name == token);
            revoke(session, &peer, found.map_or(token, |opened| opened.id)).await
        }
        Some(TokenAction::Create {
            name,
            role,
            lifetime,
            output: file,
        }) => {
            let request = CreateTokenRequest {
                name,
                rank: role.map_or(0, |role| role.message().into()),
                lifetime: Some(convert::duration(lifetime.ms())),
            };
            let cannot_write = |file: &std::path::Path| format!("cannot write {}", file.display());
            // A token that nobody could keep would stay valid.
            if let Some(file) = &file {
                keyring::write(file, "").wrap_err_with(|| cannot_write(file))?;
            }
            let made = peer.account().create_token(request).await?.into_inner();
            let opened = made.session.unwrap_or_default();
            if let Some(file) = &file {
                keyring::write(file, &made.token).wrap_err_with(|| cannot_write(file))?;
            }
            if session.global.json {
                let token = file.is_none().then_some(made.token);
                output::print_json(&json!({ "session": session_json(&opened), "token": token }));
            } else if let Some(file) = &file {
                output::print(&format!("the token is in {}; it is told nowhere else", file.display()));
            } else {
                output::remark("The token is told only now; keep it in a file, and name that with --token-file.");
                output::print(&made.token);
            }
            Ok(Exit::OK)
        }
    }
}

async fn listed(peer: &Peer, user: String) -> Result<Vec<Opened>, Report> {
    let answer = peer.account().list_sessions(ListSessionsRequest { user }).await?;
    Ok(answer.into_inner().sessions)
}

async fn revoke(session: &Session, peer: &Peer, id: String) -> Result<Exit, Report> {
    if id.is_empty() {
        return Err(Failure::new(Exit::USAGE, "which one? its id stands in `sla session list`").into());
    }
    let answer = peer.account().revoke_session(RevokeSessionRequest { id }).await?;
    let ended = answer.into_inner().session.unwrap_or_default();
    if session.global.json {
        output::print_json(&json!({ "session": session_json(&ended) }));
    } else {
        output::print(&format!("{} of {} has ended", ended.id, ended.user));
    }
    Ok(Exit::OK)
}

fn print(session: &Session, key: &str, list: &[Opened]) -> Exit {
    if session.global.json {
        output::print_json(&json!({ key: list.iter().map(session_json).collect::<Vec<_>>() }));
        return Exit::OK;
    }
    let time = |time: &Option<prost_types::Timestamp>| {
        let time = time.as_ref();
        time.map_or_else(|| "–".to_owned(), |time| instant::format_ms(convert::millis(time)))
    };
    let rows: Vec<Vec<String>> = list
        .iter()
        .map(|opened| {
            let what = if opened.token_name.is_empty() {
                format!("session{}", if opened.current { " (this one)" } else { "" })
            } else {
                format!("token {}", opened.token_name)
            };
            let (seen, expires) = (time(&opened.seen), time(&opened.expires));
            let role = rank_word(opened).to_owned();
            vec![
                opened.id.clone(),
                opened.user.clone(),
                what,
                role,
                opened.client.clone(),
                seen,
                expires,
            ]
        })
        .collect();
    let head = ["ID", "USER", "WHAT", "ROLE", "FROM", "LAST CALL", "ENDS"];
    output::print(&table::table(&head, &rows));
    Exit::OK
}

fn rank_word(opened: &Opened) -> &'static str {
    Rank::of_message(opened.rank()).map_or("–", Rank::word)
}

/// A session or token as JSON.
pub(super) fn session_json(opened: &Opened) -> Value {
    json!({
        "id": opened.id,
        "user": opened.user,
        "role": rank_word(opened),
        "token_name": views::word(&opened.token_name),
        "client": views::word(&opened.client),
        "created": views::time(opened.created.as_ref()),
        "last_call": views::time(opened.seen.as_ref()),
        "expires": views::time(opened.expires.as_ref()),
        "current": opened.current,
    })
}
