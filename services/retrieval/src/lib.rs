//! The read side, shaped for screens.
