//! Sans-IO HTTP: bytes become events, answers become bytes, and nothing else happens.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod error;
pub mod fields;
pub mod h1;
pub mod http;
pub mod limits;
pub mod machine;
pub mod output;
pub mod scan;
pub mod session;
pub mod syntax;
pub mod time;

pub use error::{ErrorCode, Initiator, PeerError, UsageError};
pub use fields::{Field, Fields, Span};
pub use http::{BodyLen, Event, Http, Request, RequestHead, Response, ResponseHead, StreamId, Version};
pub use limits::{Config, Lenient, Limits, Timeouts};
pub use machine::{Machine, Protocol, Recv, Scratch};
pub use output::{Full, Output, SliceOutput};
pub use session::{Outgoing, Session, Turn};
pub use syntax::date::Date;
pub use syntax::method::Method;
pub use syntax::status::Status;
pub use time::Instant;
