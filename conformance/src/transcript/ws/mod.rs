//! Transcripts of WebSocket: the machine, bare and in a session; frames and calls as lines.

mod call;
mod frames;
mod subject;

pub(super) use call::Verb;
pub(super) use frames::{lines, parse};
pub(super) use subject::{bare, seated};
