//! Messages to people: the delivery log, what is acknowledged or snoozed, and the answers to both.

use sla_domain::SafeText;
use sla_proto::notify::v1::{
    AcknowledgeResponse, Delivery, DeliveryState, ListDeliveriesRequest, ListDeliveriesResponse, ListMarksRequest,
    ListMarksResponse, Mark, SnoozeResponse,
};

use sla_proto::words;

use super::App;
use crate::command::Cmd;
use crate::context::Context;
use crate::context::request::{Answer, Reply, Slot};
use crate::context::wire;
use crate::overlay::Overlay;
use crate::say;

/// Deliveries that are shown.
const DELIVERIES: u32 = 200;

impl App {
    /// A command about messages; false for any other.
    pub(super) fn message_command(&mut self, cmd: Cmd) -> bool {
        match cmd {
            Cmd::Deliveries => {
                let request = ListDeliveriesRequest {
                    page_size: DELIVERIES,
                    ..ListDeliveriesRequest::default()
                };
                self.cx.call(Slot::Deliveries, request);
            }
            Cmd::Marks => {
                self.cx.call(Slot::Marks, ListMarksRequest {});
            }
            _ => return false,
        }
        true
    }

    /// An answer about messages; gives it back when it is about something else.
    pub(super) fn messages_told(&mut self, slot: Slot, result: Answer) -> Option<Answer> {
        let told = match slot {
            Slot::Deliveries => result.and_then(Reply::take).map(|answer: ListDeliveriesResponse| {
                let lines = answer.deliveries.iter().flat_map(|one| delivery_lines(&self.cx, one));
                let lines = or_nothing(lines.collect(), say::people::nothing_was_sent_yet());
                self.overlay = Some(Overlay::text(say::people::messages_newest_first(), lines));
            }),
            Slot::Marks => result.and_then(Reply::take).map(|answer: ListMarksResponse| {
                let lines = answer.marks.iter().map(|mark| mark_line(&self.cx, mark)).collect();
                let lines = or_nothing(lines, say::people::nothing_is_acknowledged_or());
                self.overlay = Some(Overlay::text(say::people::taken_care_of_or(), lines));
            }),
            Slot::Mark => result
                .and_then(|reply| match reply {
                    Reply::Acknowledge(_) => reply.take().map(|answer: AcknowledgeResponse| answer.mark),
                    other => other.take().map(|answer: SnoozeResponse| answer.mark),
                })
                .map(|mark| {
                    let line = mark_line(&self.cx, &mark.unwrap_or_default());
                    self.cx.say(line);
                    self.cx.call(Slot::NowMarks, ListMarksRequest {});
                }),
            _ => return Some(result),
        };
        if let Err(problem) = told {
            self.cx.complain(problem.sentence());
        }
        None
    }
}

fn or_nothing(lines: Vec<String>, words: &str) -> Vec<String> {
    if lines.is_empty() {
        vec![words.to_owned()]
    } else {
        lines
    }
}

fn safe(text: &str) -> String {
    SafeText::new(text).into_string()
}

fn moment(cx: &Context, time: Option<&prost_types::Timestamp>) -> String {
    wire::ms(time).map_or_else(|| "–".to_owned(), |ms| cx.zone.moment(ms, cx.data_now_ms()))
}

fn delivery_lines(cx: &Context, delivery: &Delivery) -> Vec<String> {
    let notice = delivery.notice.clone().unwrap_or_default();
    let state = match delivery.state() {
        DeliveryState::Sent => say::people::sent().to_owned(),
        DeliveryState::GivenUp => say::people::given_up().to_owned(),
        DeliveryState::Due | DeliveryState::Unspecified => say::people::due(&moment(cx, delivery.time.as_ref())),
    };
    let what = words::notice(notice.kind());
    let head = format!(
        "{}  {}  {state}  {what}  {} / {}",
        moment(cx, notice.made.as_ref()),
        safe(&delivery.channel),
        safe(&notice.set_name),
        safe(&notice.objective_name)
    );
    let mut lines = vec![head];
    if !delivery.problem.is_empty() {
        lines.push(say::people::attempt(&delivery.attempts, &safe(&delivery.problem)));
    }
    lines
}

fn mark_line(cx: &Context, mark: &Mark) -> String {
    let about = format!("{} / {}", safe(&mark.set_name), safe(&mark.objective_name));
    match &mark.until {
        Some(until) => say::people::silent_until_by(&about, &moment(cx, Some(until)), &safe(&mark.author)),
        None => say::people::takes_care_until_it(&about, &safe(&mark.author)),
    }
}
