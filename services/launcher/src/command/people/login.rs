//! `sla login`, `logout`, `whoami`, `register`.

use color_eyre::eyre::{Report, WrapErr as _, eyre};
use serde_json::{Value, json};
use sla_domain::SafeText;
use sla_proto::account::v1::{LoginRequest, LogoutRequest, RegisterRequest, WhoAmIRequest};
use sla_proto::convert;
use sla_proto::peer::Rank;

use super::{keyring, secrets, sessions, users};
use crate::cli::{LoginArgs, RegisterArgs};
use crate::command::Session;
use crate::config::environment;
use crate::exit::{Exit, Failure};
use crate::output;

/// Opens a session and keeps its token.
pub(crate) async fn login(session: &Session, arguments: &LoginArgs) -> Result<Exit, Report> {
    let name = arguments.name.clone().or_else(|| environment("USER"));
    let name = name.ok_or_else(|| Failure::new(Exit::USAGE, "who logs in? `sla login NAME`"))?;
    let peer = session.stranger().await?;
    let password = secrets::password(&arguments.secret, &name)?;
    let request = LoginRequest {
        name,
        password: password.to_string(),
        client: client(),
    };
    let opened = peer.account().login(request).await?.into_inner();
    let file = session.token_file()?;
    let file = file.ok_or_else(|| eyre!("there is no home folder to keep the token in"))?;
    keyring::write(&file, &opened.token).wrap_err_with(|| format!("cannot keep the token in {}", file.display()))?;
    let (user, held) = (opened.user.unwrap_or_default(), opened.session.unwrap_or_default());
    if session.global.json {
        let token_file = file.display().to_string();
        let session = sessions::session_json(&held);
        output::print_json(&json!({ "user": users::user_json(&user), "session": session, "token_file": token_file }));
        return Ok(Exit::OK);
    }
    let until = held.expires.as_ref().map_or_else(String::new, |expires| {
        sla_domain::instant::format_ms(convert::millis(expires))
    });
    output::print(&format!(
        "{} is logged in until {until}, or until 30 minutes without a call; the token is in {}",
        SafeText::new(&user.name),
        file.display()
    ));
    Ok(Exit::OK)
}

/// Where a session was opened from, for the list of sessions.
pub(crate) fn client() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("sla on {host}")
}

/// Makes an account of one's own.
pub(crate) async fn register(session: &Session, arguments: &RegisterArgs) -> Result<Exit, Report> {
    let peer = session.stranger().await?;
    let invitation = match &arguments.invitation_file {
        Some(file) => secrets::from_file(file)?.to_string(),
        None => String::new(),
    };
    let password = secrets::new_password(&arguments.secret, &arguments.name)?;
    let request = RegisterRequest {
        name: arguments.name.clone(),
        password: password.to_string(),
        invitation,
    };
    let user = peer
        .account()
        .register(request)
        .await?
        .into_inner()
        .user
        .unwrap_or_default();
    if session.global.json {
        output::print_json(&json!({ "user": users::user_json(&user) }));
    } else {
        let name = SafeText::new(&user.name);
        output::print(&format!("{name} is registered; `sla login {name}` logs in"));
    }
    Ok(Exit::OK)
}

/// Ends the session and forgets its token.
pub(crate) async fn logout(session: &Session) -> Result<Exit, Report> {
    let had_token = session.token()?.is_some();
    let ended = if had_token {
        let peer = session.stranger().await?;
        match peer.account().logout(LogoutRequest {}).await {
            Ok(answer) => answer.into_inner().ended,
            // It has ended by itself.
            Err(status) if status.code() == tonic::Code::Unauthenticated => false,
            Err(status) => return Err(status.into()),
        }
    } else {
        false
    };
    if let Some(file) = session.token_file()? {
        keyring::remove(&file).wrap_err_with(|| format!("cannot remove {}", file.display()))?;
    }
    if session.global.json {
        output::print_json(&json!({ "ended": ended }));
    } else {
        output::print(if ended {
            "the session has ended"
        } else {
            "there was no session"
        });
    }
    Ok(Exit::OK)
}

/// Says who the caller is to the instance.
pub(crate) async fn whoami(session: &Session) -> Result<Exit, Report> {
    let peer = session.peer().await?;
    let me = peer.account().who_am_i(WhoAmIRequest {}).await?.into_inner();
    let rank = Rank::of_message(me.rank()).map(Rank::word);
    if session.global.json {
        output::print_json(&json!({
            "enabled": me.enabled,
            "caller": me.caller,
            "role": rank,
            "user": me.user.as_ref().map_or(Value::Null, users::user_json),
            "session": me.session.as_ref().map_or(Value::Null, sessions::session_json),
        }));
        return Ok(Exit::OK);
    }
    let caller = SafeText::new(&me.caller);
    let words = match (me.enabled, rank, me.session) {
        (false, ..) => format!("{caller}; this instance has no users, and everybody may everything"),
        (true, rank, Some(held)) if !held.token_name.is_empty() => {
            format!(
                "{caller}, {}, by the token {}",
                rank.unwrap_or("–"),
                SafeText::new(&held.token_name)
            )
        }
        (true, rank, Some(held)) => format!("{caller}, {}, by the session {}", rank.unwrap_or("–"), held.id),
        (true, rank, None) => format!("{caller}, {}, by your uid", rank.unwrap_or("–")),
    };
    output::print(&words);
    Ok(Exit::OK)
}
