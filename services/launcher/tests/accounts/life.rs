//! A user's life: added, registered by invitation, changed, and what the audit log says of it; all of it there after a
//! restart of the role.

use std::process::Stdio;

use serde_json::Value;
use sla_proto::Peer;
use sla_proto::account::v1::{
    AddUserRequest, ChangePasswordRequest, CreateInvitationRequest, CreateTokenRequest, ListAuditRequest,
    ListSessionsRequest, RegisterRequest, UpdateUserRequest, WhoAmIRequest,
};
use sla_proto::etl::v1::UpdateScheduleRequest;
use sla_proto::objective::v1::{AllowedRange, Objective, SlaSet};
use sla_proto::peer::{Bearer, Rank};
use sla_proto::series::v1::{Query, query};
use sla_proto::set::v1::{CreateSetRequest, DeleteSetRequest, GetSetRequest, ListSetsRequest, UpdateSetRequest};
use sla_proto::violation::v1::{EvaluateNowRequest, EvaluateRequest, GetOverviewRequest, WatchViolationsRequest};
use sla_runtime::reason;
use sla_testkit::{Instance, Served};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::house::{House, PASSWORD};

fn told(status: &Status) -> (Code, String) {
    let info = status.get_details_error_info();
    (status.code(), info.map(|info| info.reason).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_first_user_nobody_is_asked_and_only_the_host_can_begin() {
    let house = House::empty("").await;
    let me = house
        .over_tcp(None)
        .await
        .account()
        .who_am_i(WhoAmIRequest {})
        .await
        .unwrap()
        .into_inner();
    assert!(!me.enabled && me.user.is_none());
    let first = || AddUserRequest {
        name: "mallory".to_owned(),
        ..AddUserRequest::default()
    };
    let stranger = house.over_tcp(None).await;
    let refused = stranger.account().add_user(first()).await.unwrap_err();
    assert_eq!(
        told(&refused),
        (Code::FailedPrecondition, reason::WRONG_STATE.to_owned())
    );
    assert_eq!(
        house.log_in("x", PASSWORD).await.unwrap_err().code(),
        Code::FailedPrecondition
    );
    let added = house
        .ada()
        .await
        .account()
        .add_user(first())
        .await
        .unwrap()
        .into_inner();
    let user = added.user.unwrap();
    assert!(added.first && user.rank() == Rank::Admin.message() && user.uids.len() == 1);
    assert_eq!(
        stranger.account().add_user(first()).await.unwrap_err().code(),
        Code::Unauthenticated
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_invited_registers_once() {
    let house = House::with_admin("[account]\nregistration = \"invitation\"\n").await;
    let stranger = house.over_tcp(None).await;
    let register = |name: &str, password: &str, code: &str| {
        let request = RegisterRequest {
            name: name.to_owned(),
            password: password.to_owned(),
            invitation: code.to_owned(),
        };
        let stranger = stranger.clone();
        async move {
            stranger
                .account()
                .register(request)
                .await
                .map(tonic::Response::into_inner)
        }
    };
    let invalid = (Code::InvalidArgument, reason::INVALID_FIELD.to_owned());
    assert_eq!(told(&register("bob", PASSWORD, "").await.unwrap_err()), invalid);
    let invite = CreateInvitationRequest {
        rank: Rank::Editor.message().into(),
        lifetime: None,
    };
    let code = house
        .ada()
        .await
        .account()
        .create_invitation(invite)
        .await
        .unwrap()
        .into_inner()
        .code;
    for (name, password) in [
        ("b", PASSWORD),
        ("bob smith", PASSWORD),
        ("bob", "short"),
        ("bob", "bob bob bob bob"),
        ("bob", ""),
    ] {
        let refused = register(name, password, &code).await.unwrap_err();
        assert_eq!(told(&refused), invalid, "{name} {password}");
    }
    let taken = register("ADA", PASSWORD, &code).await.unwrap_err();
    assert_eq!(told(&taken), (Code::AlreadyExists, reason::NAME_TAKEN.to_owned()));
    let bob = register("bob", PASSWORD, &code).await.unwrap().user.unwrap();
    assert_eq!(bob.rank(), Rank::Editor.message());
    assert_eq!(
        told(&register("carl", PASSWORD, &code).await.unwrap_err()),
        invalid,
        "it works once"
    );
    house.log_in("bob", PASSWORD).await.unwrap();
    assert_eq!(
        house
            .over_tcp(Some(&code))
            .await
            .account()
            .who_am_i(WhoAmIRequest {})
            .await
            .unwrap_err()
            .code(),
        Code::Unauthenticated
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_register_is_a_setting() {
    let request = |name: &str, invitation: &str| RegisterRequest {
        name: name.to_owned(),
        password: PASSWORD.to_owned(),
        invitation: invitation.to_owned(),
    };
    let closed = House::with_admin("").await;
    let refused = closed
        .over_tcp(None)
        .await
        .account()
        .register(request("bob", ""))
        .await
        .unwrap_err();
    assert!(refused.message().contains("nobody can register here"), "{refused}");

    let house = House::with_admin("[account]\nregistration = \"open\"\n").await;
    let stranger = house.over_tcp(None).await;
    let bob = stranger
        .account()
        .register(request("bob", ""))
        .await
        .unwrap()
        .into_inner()
        .user
        .unwrap();
    assert_eq!(bob.rank(), Rank::Viewer.message(), "who comes by himself may look");
    house.log_in("bob", PASSWORD).await.unwrap();
    let taken = stranger.account().register(request("Bob", "")).await.unwrap_err();
    assert_eq!(told(&taken), (Code::AlreadyExists, reason::NAME_TAKEN.to_owned()));
    let odd = stranger
        .account()
        .register(request("carl", "no code"))
        .await
        .unwrap_err();
    assert_eq!(
        told(&odd),
        (Code::InvalidArgument, reason::INVALID_FIELD.to_owned()),
        "a code that is none"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
async fn ranks_and_passwords_change_at_once_and_the_log_tells_it() {
    let house = House::with_admin("").await;
    house.add("bob", Rank::Viewer).await;
    let token = house.log_in("bob", PASSWORD).await.unwrap().token;
    let bob = house.over_tcp(Some(&token)).await;
    let set = || CreateSetRequest {
        set: Some(SlaSet {
            name: "Of bob".to_owned(),
            ..SlaSet::default()
        }),
    };
    let refused = bob.sets().create_set(set()).await.unwrap_err();
    assert_eq!(told(&refused), (Code::PermissionDenied, reason::NOT_ALLOWED.to_owned()));
    // What a role passes on with a user's token is done as that user.
    let passed_on = house.local.clone().bearing(Bearer::holding(&token));
    let me = passed_on
        .account()
        .who_am_i(WhoAmIRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!((me.caller.as_str(), me.rank()), ("bob", Rank::Viewer.message()));
    assert_eq!(
        passed_on.sets().create_set(set()).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let ada = house.ada().await;
    let promote = UpdateUserRequest {
        name: "BOB".to_owned(),
        rank: Rank::Operator.message().into(),
        ..UpdateUserRequest::default()
    };
    ada.account().update_user(promote).await.unwrap();
    bob.sets()
        .create_set(set())
        .await
        .expect("his session has the new rank");
    let paused = UpdateScheduleRequest {
        paused: Some(true),
        ..UpdateScheduleRequest::default()
    };
    bob.schedule().update_schedule(paused).await.unwrap();

    let higher = CreateTokenRequest {
        name: "deploy".to_owned(),
        rank: Rank::Admin.message().into(),
        lifetime: None,
    };
    assert_eq!(
        bob.account().create_token(higher).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    let token = CreateTokenRequest {
        name: "deploy".to_owned(),
        ..CreateTokenRequest::default()
    };
    let service = bob
        .account()
        .create_token(token.clone())
        .await
        .unwrap()
        .into_inner()
        .token;
    assert_eq!(
        bob.account().create_token(token).await.unwrap_err().code(),
        Code::InvalidArgument,
        "a name once"
    );
    let sessions = bob
        .account()
        .list_sessions(ListSessionsRequest::default())
        .await
        .unwrap()
        .into_inner()
        .sessions;
    assert_eq!(sessions.len(), 2);
    assert!(sessions.iter().any(|one| one.current) && sessions.iter().any(|one| one.token_name == "deploy"));
    let others = ListSessionsRequest { user: "ada".to_owned() };
    assert_eq!(
        bob.account().list_sessions(others).await.unwrap_err().code(),
        Code::NotFound
    );

    let second = house.log_in("bob", PASSWORD).await.unwrap().token;
    let change = |old: &str| ChangePasswordRequest {
        old_password: old.to_owned(),
        new_password: "another horse, older".to_owned(),
    };
    let wrong = bob
        .account()
        .change_password(change("not the old one"))
        .await
        .unwrap_err();
    assert_eq!(wrong.code(), Code::Unauthenticated);
    assert_eq!(
        bob.account()
            .change_password(change(PASSWORD))
            .await
            .unwrap()
            .into_inner()
            .ended,
        1
    );
    bob.account()
        .who_am_i(WhoAmIRequest {})
        .await
        .expect("his own session stays");
    let ended = house.over_tcp(Some(&second)).await;
    assert_eq!(
        ended.account().who_am_i(WhoAmIRequest {}).await.unwrap_err().code(),
        Code::Unauthenticated
    );
    house
        .over_tcp(Some(&service))
        .await
        .account()
        .who_am_i(WhoAmIRequest {})
        .await
        .expect("programs go on");
    house.log_in("bob", PASSWORD).await.unwrap_err();
    house.log_in("bob", "another horse, older").await.unwrap();

    for last in [
        UpdateUserRequest {
            name: "ada".to_owned(),
            rank: Rank::Viewer.message().into(),
            ..UpdateUserRequest::default()
        },
        UpdateUserRequest {
            name: "ada".to_owned(),
            disabled: Some(true),
            ..UpdateUserRequest::default()
        },
    ] {
        let refused = ada.account().update_user(last).await.unwrap_err();
        assert_eq!(
            told(&refused),
            (Code::FailedPrecondition, reason::WRONG_STATE.to_owned()),
            "the last admin stays"
        );
    }

    let log = ada
        .account()
        .list_audit(ListAuditRequest::default())
        .await
        .unwrap()
        .into_inner()
        .entries;
    let lines: Vec<String> = log
        .iter()
        .map(|entry| format!("{} {} {}", entry.author, entry.action, entry.subject))
        .collect();
    let expected = [
        "bob user.password bob",
        "bob token.create deploy",
        "bob schedule.update schedule",
        "bob set.create Of bob",
        "ada user.role bob",
        "ada user.add bob",
        "ada user.add ada",
    ];
    assert_eq!(lines, expected);
    assert_eq!((log[4].before.as_str(), log[4].after.as_str()), ("viewer", "operator"));
    let text = format!("{log:?}");
    assert!(!text.contains(PASSWORD) && !text.contains("another horse") && !text.contains(&service));
}

/// What everybody is told of `name`: the set, its figures, its stream.
async fn traces(peer: &Peer, name: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    let sets = peer
        .sets()
        .list_sets(ListSetsRequest::default())
        .await
        .unwrap()
        .into_inner()
        .sets;
    if sets.iter().any(|set| set.name == name) {
        found.push("list");
    }
    let get = GetSetRequest { set: name.to_owned() };
    if peer.sets().get_set(get).await.is_ok() {
        found.push("get");
    }
    let overview = peer
        .violations()
        .get_overview(GetOverviewRequest::default())
        .await
        .unwrap()
        .into_inner();
    if format!("{overview:?}").contains(name) {
        found.push("overview");
    }
    let watched = peer
        .violations()
        .watch_violations(WatchViolationsRequest::default())
        .await
        .unwrap();
    let first = watched.into_inner().message().await.unwrap();
    if format!("{first:?}").contains(name) {
        found.push("watch");
    }
    let evaluated = peer
        .violations()
        .evaluate(EvaluateRequest::default())
        .await
        .unwrap()
        .into_inner();
    if format!("{evaluated:?}").contains(name) {
        found.push("evaluate");
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_has_an_owner_and_may_be_his_alone() {
    let house = House::with_admin("").await;
    let mut peers = Vec::new();
    for (name, rank) in [("bob", Rank::Editor), ("eve", Rank::Editor), ("otto", Rank::Operator)] {
        house.add(name, rank).await;
        let token = house.log_in(name, PASSWORD).await.unwrap().token;
        peers.push(house.over_tcp(Some(&token)).await);
    }
    let [bob, eve, otto] = peers.try_into().unwrap();
    let ada = house.ada().await;
    let objective = Objective {
        name: "of bob".to_owned(),
        query: Some(Query {
            query: Some(query::Query::Selector("up".to_owned())),
            ..Query::default()
        }),
        range: Some(AllowedRange {
            min: Some(1.0),
            ..AllowedRange::default()
        }),
        ..Objective::default()
    };
    let set = SlaSet {
        name: "Bobs".to_owned(),
        active: true,
        owner: "somebody else".to_owned(),
        objectives: vec![objective],
        ..SlaSet::default()
    };
    let made = bob
        .sets()
        .create_set(CreateSetRequest { set: Some(set) })
        .await
        .unwrap()
        .into_inner()
        .set
        .unwrap();
    assert_eq!(made.owner, "bob", "who makes it owns it, whatever is asked for");
    ada.violations().evaluate_now(EvaluateNowRequest {}).await.unwrap();
    let everywhere = ["list", "get", "overview", "watch", "evaluate"];
    assert_eq!(traces(&eve, "Bobs").await, everywhere);

    let changed = |set: &SlaSet, description: &str, private| UpdateSetRequest {
        set: Some(SlaSet {
            description: description.to_owned(),
            private,
            ..set.clone()
        }),
    };
    let refused = eve
        .sets()
        .update_set(changed(&made, "eve was here", false))
        .await
        .unwrap_err();
    assert_eq!(told(&refused), (Code::PermissionDenied, reason::NOT_ALLOWED.to_owned()));
    let by_operator = otto
        .sets()
        .update_set(changed(&made, "tidied", false))
        .await
        .unwrap()
        .into_inner()
        .set
        .unwrap();
    assert_eq!(by_operator.owner, "bob");

    let hidden = bob
        .sets()
        .update_set(changed(&by_operator, "mine", true))
        .await
        .unwrap()
        .into_inner()
        .set
        .unwrap();
    for (peer, who) in [(&eve, "eve"), (&otto, "otto")] {
        assert!(traces(peer, "Bobs").await.is_empty(), "{who} is told of it");
        let refused = peer.sets().update_set(changed(&hidden, "x", false)).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{who}");
        let gone = DeleteSetRequest {
            id: hidden.id.clone(),
            version: hidden.version,
        };
        assert_eq!(
            peer.sets().delete_set(gone).await.unwrap_err().code(),
            Code::NotFound,
            "{who}"
        );
    }
    assert_eq!(traces(&bob, "Bobs").await, everywhere);
    assert_eq!(traces(&ada, "Bobs").await, everywhere, "an admin sees all");
}

/// Checks of Compose and Kubernetes ask before the role account is there, which waits for who they ask about.
#[test]
fn whether_a_process_serves_is_said_before_anybody_can_be_known() {
    let instance = Instance::on("http://127.0.0.1:9");
    let mut command = instance.command(&["serve", "--roles", "storage"]);
    command.env("SLA_PEERS__ACCOUNT", "http://127.0.0.1:9");
    let mut served = Served::spawn(command.stdout(Stdio::null()).stderr(Stdio::null()));
    served.wait_until("it serves", || instance.sla(&["health"]).status.success());
    let told = instance.sla(&["health"]);
    let words = String::from_utf8_lossy(&told.stdout);
    assert!(
        words.contains("serving") && words.contains("the accounts cannot be read"),
        "{words}"
    );
    let json = instance.json(&["health", "--json"]);
    assert_eq!(
        (&json[0]["serving"], &json[0]["version"]),
        (&true.into(), &Value::Null),
        "{json}"
    );
    assert_eq!(
        instance.sla(&["health", "--all"]).status.code(),
        Some(69),
        "of the others nothing is known"
    );
}
