//! What the options make of a request: method, field lines, content.

use super::Args;
use super::failure::{Failure, READ, USAGE};
use super::upload::Upload;
use crate::field;
use avx_core::Status;
use avx_core::syntax::token;

const FORM: &str = "application/x-www-form-urlencoded";

/// A request to send, but for its URL.
pub(super) struct Plan {
    pub(super) method: String,
    /// Instead of the URL's authority.
    pub(super) host: Option<String>,
    pub(super) fields: Vec<(String, String)>,
    pub(super) upload: Option<Upload>,
}

impl Plan {
    pub(super) fn new(args: &Args) -> Result<Plan, Failure> {
        let unreadable = |what: &str, error| Failure::new(READ, format_args!("cannot read {what}: {error}"));
        let upload = match (&args.upload, &args.data[..]) {
            (Some(name), _) => Some(Upload::open(name).map_err(|error| unreadable(name, error))?),
            (None, []) => None,
            (None, data) => Some(Upload::data(data).map_err(|error| unreadable(&data.join(" "), error))?),
        };
        let method = match &args.method {
            Some(method) if token::is_token(method.as_bytes()) => method.clone(),
            Some(method) => return Err(Failure::new(USAGE, format_args!("-X {method}: not a method"))),
            None if args.head => "HEAD".into(),
            None if args.upload.is_some() => "PUT".into(),
            None if upload.is_some() => "POST".into(),
            None => "GET".into(),
        };
        let mut plan = Plan { method, host: None, fields: Vec::new(), upload };
        let mut left_out = Vec::new();
        let mut given = Vec::new();
        for line in &args.fields {
            match field::parse(line)
                .ok_or_else(|| Failure::new(USAGE, format_args!("-H {line}: expected NAME: VALUE")))?
            {
                (name, Some(value)) if name.eq_ignore_ascii_case("host") => plan.host = Some(value.into()),
                (name, Some(value)) => given.push((name.to_owned(), value.to_owned())),
                (name, None) => left_out.push(name),
            }
        }
        let defaults = [
            ("User-Agent", concat!("avx/", env!("CARGO_PKG_VERSION"))),
            ("Accept", "*/*"),
            ("Content-Type", if args.data.is_empty() { "" } else { FORM }),
        ];
        for (name, value) in defaults {
            let same = |other: &str| other.eq_ignore_ascii_case(name);
            if !value.is_empty() && !left_out.iter().any(|n| same(n)) && !given.iter().any(|(n, _)| same(n)) {
                plan.fields.push((name.to_owned(), value.to_owned()));
            }
        }
        plan.fields.extend(given);
        Ok(plan)
    }

    /// The same for another URL; `None` when its content cannot be had twice.
    pub(super) fn again(&mut self) -> Option<Plan> {
        let upload = match &mut self.upload {
            Some(upload) => Some(upload.lend()?),
            None => None,
        };
        Some(Plan {
            method: self.method.clone(),
            host: self.host.clone(),
            fields: self.fields.clone(),
            upload,
        })
    }

    /// What a redirect with this status makes of it (RFC 9110, section 15.4).
    pub(super) fn redirected(&mut self, status: Status, keeps_method: bool) {
        // "For historical reasons, a user agent MAY change the request method from POST to GET for the
        // subsequent request." (section 15.4.2, 301, and 15.4.3, 302); 303 always does.
        let becomes_get = match status {
            Status::SEE_OTHER => self.method != "HEAD",
            Status::MOVED_PERMANENTLY | Status::FOUND => self.method == "POST",
            _ => false,
        };
        if becomes_get && !keeps_method {
            self.method = "GET".into();
        }
        if becomes_get {
            self.upload = None;
            self.fields.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        }
    }

    /// The next request goes to another server: what was meant for the first one alone stays behind.
    pub(super) fn leave(&mut self) {
        self.host = None;
        let secret = |name: &str| ["authorization", "cookie"].iter().any(|s| name.eq_ignore_ascii_case(s));
        self.fields.retain(|(name, _)| !secret(name));
    }
}
