//! People: logging in and out, and the lists of users, sessions and changes.

use sla_domain::SafeText;
use sla_proto::account::v1::{
    AuditEntry, ListAuditRequest, ListAuditResponse, ListSessionsRequest, ListSessionsResponse, ListUsersRequest,
    ListUsersResponse, LoginRequest, LoginResponse, LogoutRequest, LogoutResponse, RevokeSessionRequest,
    RevokeSessionResponse, Session, User, WhoAmIRequest, WhoAmIResponse,
};
use sla_proto::peer::Rank;

use super::App;
use crate::command::Cmd;
use crate::context::Context;
use crate::context::request::{Answer, Effect, Problem, Reply, Secret, Slot};
use crate::context::wire;
use crate::overlay::{Item, Login, Overlay, Pick, PickKind};
use crate::say;

/// Reason of an answer to nobody.
pub(super) const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
/// Entries of the audit log that are shown.
const AUDIT_ENTRIES: u32 = 200;
/// Lines of what was before and after that are shown of an entry.
const AUDIT_LINES: usize = 12;
/// Whose sessions are listed: everybody's.
const EVERYBODY: &str = "*";

impl App {
    /// A command about people; false for any other.
    pub(super) fn people_command(&mut self, cmd: Cmd, argument: Option<&str>) -> bool {
        let argument = argument.unwrap_or_default();
        match cmd {
            Cmd::Login => self.overlay = Some(Overlay::Login(Login::new(argument, ""))),
            Cmd::Logout => {
                self.cx.call(Slot::Logout, LogoutRequest {});
            }
            Cmd::WhoAmI => {
                self.cx.call(Slot::WhoAmI, WhoAmIRequest {});
            }
            Cmd::Users => {
                self.cx.call(Slot::Users, ListUsersRequest {});
            }
            Cmd::Audit => {
                let request = ListAuditRequest {
                    page_size: AUDIT_ENTRIES,
                    page_token: String::new(),
                };
                self.cx.call(Slot::Audit, request);
            }
            Cmd::Sessions => {
                let user = if argument == "all" { EVERYBODY } else { argument }.to_owned();
                self.cx.call(Slot::Sessions, ListSessionsRequest { user });
            }
            Cmd::RevokeSession if argument.is_empty() => {
                self.cx.complain(say::people::revoke_session_which_one());
            }
            Cmd::RevokeSession => {
                let id = argument.to_owned();
                self.cx.call(Slot::RevokeSession, RevokeSessionRequest { id });
            }
            _ => return false,
        }
        true
    }

    /// The instance does not know who this is: asks, once, unless something else is open.
    pub(super) fn stranger(&mut self, why: &str) {
        if self.overlay.is_none() && !self.declined_login {
            self.overlay = Some(Overlay::Login(Login::new("", why)));
        }
    }

    /// Sends what was typed into the form of a login.
    pub(super) fn submit_login(&mut self, mut login: Login) {
        if let Some((name, password)) = login.submit() {
            let request = LoginRequest {
                name,
                password,
                client: "console".to_owned(),
            };
            self.cx.call(Slot::Login, request);
        }
        self.overlay = Some(Overlay::Login(login));
    }

    /// An answer about people; gives it back when it is about something else.
    pub(super) fn people_told(&mut self, slot: Slot, result: Answer) -> Option<Answer> {
        let told = match slot {
            Slot::Login => {
                self.logged_in(result.and_then(Reply::take));
                return None;
            }
            Slot::Logout => result.and_then(Reply::take).map(|answer| self.logged_out(answer)),
            Slot::WhoAmI => result.and_then(Reply::take).map(|me| self.cx.say(who(&me))),
            Slot::Users => result.and_then(Reply::take).map(|answer: ListUsersResponse| {
                let lines = answer.users.iter().map(user_line).collect();
                self.overlay = Some(Overlay::text(say::people::users_name_role_uids(), lines));
            }),
            Slot::Sessions => result.and_then(Reply::take).map(|answer: ListSessionsResponse| {
                let items = answer.sessions.iter().map(|one| session_item(&self.cx, one)).collect();
                let pick = Pick::new(
                    say::people::sessions_enter_ends_one(),
                    PickKind::Run(Cmd::RevokeSession),
                    items,
                );
                self.overlay = Some(Overlay::Pick(pick));
            }),
            Slot::RevokeSession => result.and_then(Reply::take).map(|answer: RevokeSessionResponse| {
                let ended = answer.session.unwrap_or_default();
                let text = say::people::of_has_ended(&ended.id, &SafeText::new(&ended.user));
                self.cx.say(text);
            }),
            Slot::Audit => result.and_then(Reply::take).map(|answer: ListAuditResponse| {
                let lines = answer
                    .entries
                    .iter()
                    .flat_map(|entry| audit_lines(&self.cx, entry))
                    .collect();
                self.overlay = Some(Overlay::text(say::people::audit_who_changed_what(), lines));
            }),
            _ => return Some(result),
        };
        if let Err(problem) = told {
            self.cx.complain(problem.sentence());
        }
        None
    }

    fn logged_in(&mut self, result: Result<LoginResponse, Problem>) {
        match result {
            Ok(opened) => {
                if matches!(self.overlay, Some(Overlay::Login(_))) {
                    self.overlay = None;
                }
                let user = opened.user.unwrap_or_default();
                let rank = Rank::of_message(user.rank()).map_or("", Rank::word);
                self.cx
                    .say(say::people::logged_in_as(&SafeText::new(&user.name), &rank));
                self.cx.effect(Effect::UseToken(Some(Secret(opened.token))));
                self.declined_login = false;
                if self.is_connected() {
                    self.refresh();
                } else {
                    self.cx.effect(Effect::Reconnect);
                }
            }
            Err(problem) => match &mut self.overlay {
                Some(Overlay::Login(login)) => login.refused(problem.sentence()),
                _ => self.cx.complain(problem.sentence()),
            },
        }
    }

    fn logged_out(&mut self, answer: LogoutResponse) {
        self.cx.effect(Effect::UseToken(None));
        self.cx.say(if answer.ended {
            say::people::logged_out()
        } else {
            say::people::there_was_no_session()
        });
    }
}

fn who(me: &WhoAmIResponse) -> String {
    let caller = SafeText::new(&me.caller);
    let rank = Rank::of_message(me.rank()).map_or("", Rank::word);
    if !me.enabled {
        return say::people::this_instance_has_no(&caller);
    }
    let by = match &me.session {
        None => say::people::by_your_uid().to_owned(),
        Some(held) if held.token_name.is_empty() => say::people::by_the_session(&held.id),
        Some(held) => say::people::by_the_token(&SafeText::new(&held.token_name)),
    };
    format!("{caller}, {rank}, {by}")
}

fn user_line(user: &User) -> String {
    let rank = Rank::of_message(user.rank()).map_or("–", Rank::word);
    let uids: Vec<String> = user.uids.iter().map(ToString::to_string).collect();
    let uids = if uids.is_empty() {
        "–".to_owned()
    } else {
        uids.join(" ")
    };
    let mut notes = Vec::new();
    if user.disabled {
        notes.push(say::people::disabled());
    }
    if !user.has_password {
        notes.push(say::people::no_password());
    }
    let name = SafeText::new(&user.name).into_string();
    format!("{name:<32}  {rank:<8}  {uids:<12}  {}", notes.join(", "))
}

fn session_item(cx: &Context, one: &Session) -> Item {
    let moment = |time: Option<&prost_types::Timestamp>| {
        wire::ms(time).map_or_else(|| "–".to_owned(), |ms| cx.zone.moment(ms, cx.data_now_ms()))
    };
    let what = match (one.token_name.is_empty(), one.current) {
        (true, true) => say::people::this_session().to_owned(),
        (true, false) => say::people::session().to_owned(),
        (false, _) => say::people::token(&one.token_name),
    };
    let text = say::people::last_call_ends(
        &one.user,
        &what,
        &one.client,
        &moment(one.seen.as_ref()),
        &moment(one.expires.as_ref()),
    );
    Item::new(text, one.id.clone())
}

fn audit_lines(cx: &Context, entry: &AuditEntry) -> Vec<String> {
    let at = wire::ms(entry.at.as_ref()).map_or_else(String::new, |ms| cx.zone.moment(ms, cx.data_now_ms()));
    let safe = |text: &str| SafeText::new(text).into_string();
    let head = format!(
        "{at}  {}  {}  {}",
        safe(&entry.author),
        safe(&entry.action),
        safe(&entry.subject)
    );
    let mut lines = vec![head];
    for (mark, side) in [('-', &entry.before), ('+', &entry.after)] {
        lines.extend(
            side.lines()
                .take(AUDIT_LINES)
                .map(|line| format!("    {mark} {}", safe(line))),
        );
        let more = side.lines().count().saturating_sub(AUDIT_LINES);
        if more > 0 {
            lines.push(say::people::lines_more_sla_audit(&mark, &more));
        }
    }
    lines
}
