//! What has happened on a stream so far, as far as one who comes later must know it.

use std::collections::VecDeque;

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::Message as _;
use sla_proto::etl::v1::{WatchRunRequest, WatchRunResponse};
use sla_proto::violation::v1::watch_violations_response::Event;
use sla_proto::violation::v1::{ObjectiveStatus, Overview, State, WatchViolationsRequest, WatchViolationsResponse};
use sla_runtime::status::Problem;
use tonic::Status;

use crate::options::RUN_MESSAGES;

pub(super) const WATCH_VIOLATIONS: &str = "/sla.violation.v1.ViolationService/WatchViolations";
pub(super) const WATCH_RUN: &str = "/sla.etl.v1.RunService/WatchRun";

/// A request that is no request.
pub(super) fn unreadable() -> Status {
    Problem::invalid("the request of the stream cannot be read")
        .hint("send one uncompressed message of at most 64 KiB")
        .status()
}

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Wish {
    /// The violations of a set; empty = of all active ones.
    Violations { set: String },
    /// A run.
    Run { id: String },
}

impl Wish {
    /// Reads the request of the rpc at `path`, and up to which event its caller knows all.
    pub(super) fn read(path: &str, request: Bytes) -> Result<(Self, u64), Status> {
        if path == WATCH_RUN {
            let request = WatchRunRequest::decode(request).map_err(|_| unreadable())?;
            return Ok((Self::Run { id: request.run_id }, request.after_sequence));
        }
        let request = WatchViolationsRequest::decode(request).map_err(|_| unreadable())?;
        Ok((Self::Violations { set: request.set }, 0))
    }
}

/// The length of what stands before a message: a flag and its length (gRPC over HTTP/2, "Length-Prefixed-Message").
pub(super) const PREFIX: usize = 5;

/// A message with its number in the stream, as it goes over the wire: all readers share these bytes.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) sequence: u64,
    pub(super) frame: Bytes,
}

/// The story of one stream.
#[derive(Debug)]
pub(super) enum Story {
    /// The whole picture, carried on; none before the first snapshot.
    Violations(Option<Box<WatchViolationsResponse>>),
    /// The newest messages of a run: each has the run as it was then.
    Run(VecDeque<Told>),
}

impl Story {
    pub(super) fn of(wish: &Wish) -> Self {
        match wish {
            Wish::Violations { .. } => Self::Violations(None),
            Wish::Run { .. } => Self::Run(VecDeque::new()),
        }
    }

    /// What one must be told who knows the events up to `after`.
    pub(super) fn so_far(&self, after: u64) -> Vec<Told> {
        match self {
            Self::Violations(picture) => picture
                .iter()
                .map(|picture| told(picture.sequence, &**picture))
                .collect(),
            Self::Run(kept) => kept.iter().filter(|told| told.sequence > after).cloned().collect(),
        }
    }

    /// Carries the violations on by an event; what all readers are to be told.
    pub(super) fn violations(&mut self, told_now: &WatchViolationsResponse) -> Told {
        if let Self::Violations(picture) = self {
            carry_on(picture, told_now);
        }
        told(told_now.sequence, told_now)
    }

    /// Carries the run on by an event.
    pub(super) fn run(&mut self, told_now: &WatchRunResponse) -> Told {
        let told = told(told_now.sequence, told_now);
        if let Self::Run(kept) = self
            && !told_now.heartbeat
        {
            if kept.len() == RUN_MESSAGES {
                kept.pop_front();
            }
            kept.push_back(told.clone());
        }
        told
    }
}

fn told(sequence: u64, message: &impl prost::Message) -> Told {
    let mut frame = BytesMut::with_capacity(PREFIX + message.encoded_len());
    frame.put_u8(0);
    frame.put_u32(message.encoded_len() as u32);
    frame.put_slice(&message.encode_to_vec());
    Told {
        sequence,
        frame: frame.freeze(),
    }
}

fn carry_on(picture: &mut Option<Box<WatchViolationsResponse>>, now: &WatchViolationsResponse) {
    if let Some(Event::Snapshot(_)) = &now.event {
        *picture = Some(Box::new(now.clone()));
        return;
    }
    // Before the first snapshot there is nothing to carry on.
    let Some(picture) = picture else { return };
    picture.sequence = now.sequence;
    picture.time = now.time;
    if let (Some(Event::Snapshot(overview)), Some(Event::Update(update))) = (&mut picture.event, &now.event) {
        for status in &update.objectives {
            put(overview, status.clone());
        }
        overview.counts = update.counts;
        overview.evaluated = update.evaluated;
        overview.source.clone_from(&update.source);
        overview.headlines.clone_from(&update.headlines);
        overview.told.clone_from(&update.told);
        overview.objectives.sort_by_key(|status| rank(status.state()));
    }
}

fn put(overview: &mut Overview, status: ObjectiveStatus) {
    let name = |of: &ObjectiveStatus| {
        let id = of.objective.as_ref().map(|objective| objective.id.clone());
        (of.set_id.clone(), id)
    };
    let known = name(&status);
    match overview.objectives.iter_mut().find(|have| name(have) == known) {
        Some(have) => *have = status,
        None => overview.objectives.push(status),
    }
}

/// Worst first.
fn rank(state: State) -> u8 {
    match state {
        State::Violated => 0,
        State::NoData | State::Unspecified => 1,
        State::AtRisk => 2,
        State::Ok => 3,
        State::Excluded => 4,
    }
}
