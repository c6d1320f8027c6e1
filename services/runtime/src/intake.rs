//! What callers at the doors may make us read. Each message is held whole, weighed on the wire, and only then decoded: a
//! megabyte of empty elements would be a gigabyte of structures.

mod schema;
mod weight;

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use http_body::Frame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::status::{Problem, reason};
use schema::{CONTRACT, Input};
use weight::{FlawKind, weigh};

/// The largest message that is read, bytes on the wire.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// What one message may take decoded, bytes.
pub const MAX_DECODED_BYTES: usize = 4 << 20;
/// What all messages of one call may take, on the wire and decoded, bytes: a hundred sets of two hundred objectives fit.
pub const MAX_CALL_BYTES: usize = 48 << 20;
/// What all calls in flight may take together, bytes.
pub const MAX_IN_FLIGHT_BYTES: usize = 96 << 20;
/// What each call may take beside that: who asks for little is not turned away because of others, bytes.
const FREE_BYTES: usize = 64 << 10;
/// The budget is counted in pieces of this size, bytes.
const PIECE: usize = 64 << 10;
/// Compressed or not, and the length.
const HEADER: usize = 5;

/// The budget of a process. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    budget: Arc<Semaphore>,
}

impl Default for Intake {
    fn default() -> Self {
        Self {
            budget: Arc::new(Semaphore::new(MAX_IN_FLIGHT_BYTES / PIECE)),
        }
    }
}

/// A call's part of the budget; given back when the last clone is dropped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Intake {
    /// The body of a call to `path`, message by message; what it takes is counted until the [`Held`] is dropped too.
    pub(crate) fn sift(&self, path: &str, body: Body) -> (Body, Held) {
        let held = Held::default();
        let sifted = Sifted {
            body,
            input: CONTRACT.input(path),
            begun: BytesMut::new(),
            messages: 0,
            read: 0,
            paid: 0,
            budget: self.budget.clone(),
            held: held.clone(),
        };
        (Body::new(sifted), held)
    }
}

/// A body that hands on whole messages that are fit to be decoded.
struct Sifted {
    body: Body,
    input: Option<Input>,
    /// The message that is arriving, with its header.
    begun: BytesMut,
    messages: usize,
    /// What the messages so far take.
    read: usize,
    /// How many pieces of the budget this call holds.
    paid: usize,
    budget: Arc<Semaphore>,
    held: Held,
}

impl Sifted {
    /// The next message, header and all, if it has arrived.
    fn message(&mut self) -> Result<Option<bytes::Bytes>, Status> {
        let Some((&compressed, mut length)) = self.begun.get(..HEADER).and_then(<[u8]>::split_first) else {
            return Ok(None);
        };
        let length = length.get_u32() as usize;
        if compressed != 0 {
            return Err(compressed_message());
        }
        if length > MAX_MESSAGE_BYTES {
            return Err(too_large(&format!("a message of {length} bytes"), MAX_MESSAGE_BYTES));
        }
        self.pay(self.read + self.begun.len())?;
        if self.begun.len() < HEADER + length {
            return Ok(None);
        }
        let message = self.begun.split_to(HEADER + length).freeze();
        self.messages += 1;
        self.read += message.len();
        if let Some(input) = self.input {
            self.read += weighed(input, &message[HEADER..])?;
            if self.read > MAX_CALL_BYTES {
                return Err(too_large("all that this call sends", MAX_CALL_BYTES));
            }
            self.pay(self.read)?;
        }
        Ok(Some(message))
    }

    /// Holds `bytes` of the budget.
    fn pay(&mut self, bytes: usize) -> Result<(), Status> {
        let wanted = bytes.saturating_sub(FREE_BYTES).div_ceil(PIECE);
        let Some(more) = wanted.checked_sub(self.paid).filter(|more| *more > 0) else {
            return Ok(());
        };
        let permit = self
            .budget
            .clone()
            .try_acquire_many_owned(more as u32)
            .map_err(|_| overloaded())?;
        // One value, replaced whole.
        let mut held = self.held.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *held {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        self.paid = wanted;
        Ok(())
    }

    /// What is wrong with a body that ends here.
    fn ended(&self) -> Result<(), Status> {
        let refuse = |words: &str| Err(Problem::invalid(words).status());
        if !self.begun.is_empty() {
            return refuse("the request ends in the middle of a message");
        }
        if self.messages == 0 && self.input.is_some_and(|input| !input.client_streaming) {
            return refuse("the request has no message");
        }
        Ok(())
    }
}

impl http_body::Body for Sifted {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        loop {
            if let Some(message) = self.message().transpose() {
                return Poll::Ready(Some(message.map(Frame::data)));
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.begun.extend_from_slice(&data),
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(status)) => return Poll::Ready(Some(Err(status))),
                None => return Poll::Ready(self.ended().err().map(Err)),
            }
        }
    }
}

/// What a message takes decoded.
fn weighed(input: Input, message: &[u8]) -> Result<usize, Status> {
    weigh(&CONTRACT, input.shape, message, MAX_DECODED_BYTES).map_err(|flaw| {
        let field = flaw.field();
        let place = if field.is_empty() {
            "the message"
        } else {
            field.as_str()
        };
        match flaw.kind {
            FlawKind::TooLarge => too_large(&format!("{place}, decoded,"), MAX_DECODED_BYTES),
            FlawKind::Malformed(rule) => Problem::invalid(format!("the request cannot be decoded: {place} {rule}"))
                .field(field.as_str(), rule)
                .hint(
                    "make the message from the contract's .proto files; the server describes itself by gRPC reflection",
                )
                .status(),
        }
    })
}

fn too_large(what: &str, limit: usize) -> Status {
    let words = format!("{what} is too much: at most {} KiB are read", limit >> 10);
    Problem::new(Code::ResourceExhausted, reason::TOO_LARGE, words)
        .hint("ask for less at once; ApplySets takes sets in several messages")
        .status()
}

fn overloaded() -> Status {
    Problem::new(
        Code::ResourceExhausted,
        reason::OVERLOADED,
        "too much is being read at once",
    )
    .hint("try again in a moment")
    .status()
}

fn compressed_message() -> Status {
    Problem::new(
        Code::Unimplemented,
        reason::INVALID_FIELD,
        "compressed messages are not read",
    )
    .hint("send them with grpc-encoding identity")
    .status()
}

#[cfg(test)]
mod tests;
