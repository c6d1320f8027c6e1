//! The gRPC edge of the role: messages to words, errors to statuses.

pub(crate) mod sets;
pub(crate) mod violations;
