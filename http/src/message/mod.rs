//! Messages: requests as they come in, responses as they go out.
//!
//! ```text
//! Request<'_>    borrows the head from the read buffer: what plain handlers see
//! OwnedRequest   the head copied once into recycled memory, with its Body: for async handlers
//! Response       status, FieldLines, Body; perhaps an upgrade, or promises (Push)
//! IntoResponse   what else a handler may return
//! ```

mod extensions;
mod fields;
mod host;
mod into_response;
mod owned;
mod params;
mod push;
mod request;
mod response;
mod upgrade;

pub use extensions::Extensions;
pub use fields::{FieldLine, FieldLines, Name, OwnedFields, Value};
pub use into_response::IntoResponse;
pub use owned::OwnedRequest;
pub use params::{BadParam, decode};
pub use push::Push;
pub use request::Request;
pub use response::Response;
pub(crate) use upgrade::Continued;
pub use upgrade::Upgraded;

pub(crate) use fields::Wire;
pub(crate) use host::{Host, Plain};
pub(crate) use owned::Arena;
pub(crate) use params::{MAX_PARAMS, Names, Params, decode_bytes, decodes_to};
pub(crate) use response::TakeOver;
