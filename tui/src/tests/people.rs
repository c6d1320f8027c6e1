//! Who is not known is asked once; the password is on no picture; lists can be read and acted on.

use super::driver::Driver;
use crate::app::Msg;
use crate::context::request::{Effect, LinkEvent, Secret};
use crate::overlay::Overlay;
use crate::theme::caps::Caps;

fn stranger() -> Msg {
    Msg::Link(LinkEvent::Stranger("uid 7 is no user of this instance".to_owned()))
}

#[test]
fn a_stranger_is_asked_and_the_password_is_never_shown() {
    let mut driver = Driver::offline(100, 30, Caps::default());
    driver.send(stranger());
    driver.keys("\"edith\" Enter \"correcthorse\"");
    driver.says("edith");
    driver.says("************");
    driver.says("uid 7 is no user");
    driver.says_not("horse");
    assert!(!format!("{:?}", driver.app.overlay).contains("horse"));
    driver.keys("Enter");
    assert!(driver.app.overlay.is_none(), "{:?}", driver.app.overlay);
    driver.says("logged in as edith, editor");
    let token = Effect::UseToken(Some(Secret("sla_s_1".to_owned())));
    assert!(driver.outside.contains(&token) && driver.outside.contains(&Effect::Reconnect));
    assert!(!format!("{token:?}").contains("sla_s_1"));
}

#[test]
fn a_wrong_password_is_typed_anew_and_esc_asks_no_more() {
    let mut driver = Driver::offline(100, 30, Caps::default());
    driver.send(stranger());
    driver.keys("\"edith\" Tab \"wrong\" Enter");
    driver.says("name or password is wrong");
    driver.says_not("*****");
    driver.keys("Esc");
    assert!(driver.app.overlay.is_none());
    driver.send(stranger());
    assert!(driver.app.overlay.is_none(), "it was declined");
    driver.keys(": \"login\" Enter");
    assert!(matches!(driver.app.overlay, Some(Overlay::Login(_))));
    driver.keys("Enter");
    assert!(
        matches!(driver.app.overlay, Some(Overlay::Login(_))),
        "nothing is sent without a name"
    );
}

#[test]
fn users_sessions_and_changes_can_be_looked_at() {
    let mut driver = Driver::new(110, 30);
    driver.keys(": \"users\" Enter");
    driver.says("edith");
    driver.keys("Esc : \"audit\" Enter");
    driver.says("set.update");
    driver.says("- max = 4");
    driver.says("+ max = 5");
    driver.keys("Esc : \"whoami\" Enter");
    driver.says("edith, editor, by your uid");
    driver.keys(": \"sessions\" Enter");
    driver.says("token deploy");
    driver.keys("Enter");
    assert!(
        matches!(driver.app.overlay, Some(Overlay::Confirm { .. })),
        "ending one asks"
    );
    driver.keys("y");
    driver.says("s-1 of edith has ended");
    driver.keys(": \"logout\" Enter");
    assert!(driver.outside.contains(&Effect::UseToken(None)));
}

#[test]
fn messages_are_listed_and_a_row_is_taken_care_of() {
    let mut driver = Driver::new(110, 30);
    driver.keys(": \"deliveries\" Enter");
    driver.says("phone  given up  violated  Web / load");
    driver.says("attempt 2: blocked ·[2Jby the user");
    driver.keys("Esc : \"marks\" Enter");
    driver.says("Web / load: edith takes care, until it ends");
    driver.keys("Esc 0 m");
    driver.says("Web / load: silent until");
    driver.keys("M");
    driver.says("edith takes care");
}

#[test]
fn a_row_shows_who_takes_care_of_it() {
    let mut driver = Driver::new(120, 30);
    driver.keys("0");
    println!("{}", driver.screen());
    driver.says("11m ack");
    driver.says("edith takes care, until it ends");
}
