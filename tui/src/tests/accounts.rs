//! What the scripted instance answers about people.

use sla_proto::account::v1 as account;
use sla_proto::notify::v1 as notify;

use super::script::{NOW_MS, at};
use crate::context::request::{Answer, Problem, Request};

/// The only password it takes.
const PASSWORD: &str = "correcthorse";

fn user() -> account::User {
    account::User {
        name: "edith".to_owned(),
        rank: account::Rank::Editor.into(),
        uids: vec![7],
        ..account::User::default()
    }
}

fn session() -> account::Session {
    account::Session {
        id: "s-1".to_owned(),
        user: "edith".to_owned(),
        rank: account::Rank::Editor.into(),
        token_name: "deploy".to_owned(),
        seen: at(NOW_MS),
        expires: at(NOW_MS),
        ..account::Session::default()
    }
}

fn mark(until: Option<prost_types::Timestamp>) -> notify::Mark {
    notify::Mark {
        set_name: "Web".to_owned(),
        objective_name: "load".to_owned(),
        author: "edith".to_owned(),
        // Of the series that is violated.
        set_id: "set-1".to_owned(),
        objective_id: "o-load".to_owned(),
        series: Some(super::script::series(3, "node_load1", "host-3")),
        until,
        ..notify::Mark::default()
    }
}

/// The answer to a request about people; any other is a fault of the test.
pub(super) fn answer(request: &Request) -> Answer {
    Ok(match request {
        Request::Login(login) if login.password == PASSWORD => account::LoginResponse {
            token: "sla_s_1".to_owned(),
            user: Some(user()),
            session: Some(session()),
        }
        .into(),
        Request::Login(_) => return Err(Problem::plain("name or password is wrong")),
        Request::Logout(_) => account::LogoutResponse { ended: true }.into(),
        Request::WhoAmI(_) => account::WhoAmIResponse {
            enabled: true,
            caller: "edith".to_owned(),
            user: Some(user()),
            rank: account::Rank::Editor.into(),
            session: None,
        }
        .into(),
        Request::Users(_) => account::ListUsersResponse { users: vec![user()] }.into(),
        Request::Sessions(_) => account::ListSessionsResponse {
            sessions: vec![session()],
        }
        .into(),
        Request::RevokeSession(_) => account::RevokeSessionResponse {
            session: Some(session()),
        }
        .into(),
        Request::Audit(_) => account::ListAuditResponse {
            entries: vec![account::AuditEntry {
                at: at(NOW_MS),
                author: "edith".to_owned(),
                action: "set.update".to_owned(),
                subject: "Web".to_owned(),
                before: "max = 4".to_owned(),
                after: "max = 5".to_owned(),
                ..account::AuditEntry::default()
            }],
            next_page_token: String::new(),
        }
        .into(),
        Request::Deliveries(_) => notify::ListDeliveriesResponse {
            deliveries: vec![notify::Delivery {
                notice: Some(notify::Notice {
                    kind: notify::NoticeKind::Opened.into(),
                    set_name: "Web".to_owned(),
                    objective_name: "load".to_owned(),
                    made: at(NOW_MS),
                    ..notify::Notice::default()
                }),
                channel: "phone".to_owned(),
                state: notify::DeliveryState::GivenUp.into(),
                attempts: 2,
                problem: "blocked \u{1b}[2Jby the user".to_owned(),
                ..notify::Delivery::default()
            }],
            next_page_token: String::new(),
        }
        .into(),
        Request::Marks(_) => notify::ListMarksResponse {
            marks: vec![mark(None)],
        }
        .into(),
        Request::Acknowledge(_) => notify::AcknowledgeResponse { mark: Some(mark(None)) }.into(),
        Request::Snooze(_) => notify::SnoozeResponse {
            mark: Some(mark(at(NOW_MS + 3_600_000))),
        }
        .into(),
        other => return Err(Problem::plain(format!("{other:?} is about nobody"))),
    })
}
