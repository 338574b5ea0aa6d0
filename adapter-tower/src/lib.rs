#![doc = include_str!("../README.md")]

mod body;
mod client;
mod convert;
mod handler;
mod section;
mod service;
#[cfg(feature = "upgrade")]
mod upgrade;

pub use body::Content;
pub use client::Client;
pub use convert::{
    client_request_from_http, client_response_to_http, request_to_http, response_from_http, response_to_http,
};
pub use handler::Tower;
pub use section::FieldSection;
pub use service::HandlerService;
#[cfg(feature = "upgrade")]
pub use upgrade::{HyperIo, Upgrades, Upgrading};
