//! Writing the heads of requests: a client's own, and those a server promises (sections 8.3.1, 8.4 and 8.5).

use super::Connection;
use super::section::{Lines, check};
use crate::h2::flow::{RecvWindow, SendWindow};
use crate::h2::frame::{MAX_31, Setting, SettingId};
use crate::h2::settings::Role;
use crate::h2::state::{Input, Next, State};
use crate::h2::stream::{Kind, NEVER, Stream, UNKNOWN};
use crate::http::Request;
use crate::syntax::{list, target, token};
use crate::{BodyLen, Field, Instant, Method, Output, PeerError, StreamId, UsageError};

/// Control data of a request to send.
struct Control<'a> {
    fields: [Field<'a>; 5],
    len: usize,
}

impl<'a> Control<'a> {
    /// Takes a request apart. `protocol` is that of an extended CONNECT.
    fn of(request: &Request<'a>, protocol: Option<&'a [u8]>, secure: bool) -> Result<Self, UsageError> {
        let method = Method::from_token(request.method.as_bytes());
        if !token::is_token(method.as_bytes()) {
            return Err(UsageError::BadMethod);
        }
        let mut control = Control { fields: [Field::new(b"", b""); 5], len: 0 };
        control.push(":method", method.as_bytes());
        let hosts = request.fields.iter().filter(|f| f.is("host"));
        let host = hosts.clone().next().map(|f| f.value);
        if hosts.count() > 1 {
            return Err(UsageError::BadAuthority);
        }
        // "Clients MUST NOT generate a request with a Host header field that differs from the ":authority"
        // pseudo-header field." (section 8.3.1)
        let given = match (request.authority, host) {
            (b"", host) => host.unwrap_or_default(),
            (authority, Some(host)) if authority != host => return Err(UsageError::BadAuthority),
            (authority, _) => authority,
        };
        if !target::is_target(request.target) {
            return Err(UsageError::BadTarget);
        }
        if method == Method::Connect && protocol.is_none() {
            // "The ":scheme" and ":path" pseudo-header fields MUST be omitted." (section 8.5)
            target::form(&method, request.target).map_err(|_| UsageError::BadTarget)?;
            control.push(":authority", request.target);
            return Ok(control);
        }
        // An extended CONNECT has a target like any other request.
        let form_of = if protocol.is_some() { Method::Get } else { method };
        let form = target::form(&form_of, request.target).map_err(|_| UsageError::BadTarget)?;
        let (scheme, authority, path) = match form {
            target::Form::Absolute => {
                let scheme = target::scheme(request.target).unwrap_or_default();
                let authority = target::authority(request.target).unwrap_or_default();
                let rest = &request.target[scheme.len() + 3 + authority.len()..];
                (scheme, authority, if rest.is_empty() { b"/" } else { rest })
            }
            _ => (if secure { &b"https"[..] } else { b"http" }, given, request.target),
        };
        if path.first() == Some(&b'?') {
            return Err(UsageError::BadTarget);
        }
        control.push(":scheme", if scheme.eq_ignore_ascii_case(b"https") { b"https" } else { b"http" });
        if !authority.is_empty() {
            if !target::is_authority(authority) {
                return Err(UsageError::BadAuthority);
            }
            control.push(":authority", authority);
        } else if method != Method::Options || protocol.is_some() {
            return Err(UsageError::BadAuthority);
        }
        control.push(":path", path);
        if let Some(protocol) = protocol {
            control.push(":protocol", protocol);
        }
        Ok(control)
    }

    fn push(&mut self, name: &'static str, value: &'a [u8]) {
        self.fields[self.len] = Field { name: name.as_bytes(), value, sensitive: false };
        self.len += 1;
    }
}

impl Connection {
    pub(in crate::h2) fn send_request(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        body: BodyLen,
        secure: bool,
        out: &mut dyn Output,
    ) -> Result<StreamId, UsageError> {
        let going = self.go_away.shutting_down || self.received_go_away.is_some() || self.eof;
        if self.phase != super::Phase::Open || going {
            return Err(UsageError::WrongState);
        }
        if self.free_streams() == 0 {
            return Err(UsageError::NoStreams);
        }
        let body = if body == BodyLen::Exact(0) { BodyLen::Empty } else { body };
        let (protocol, fields) = match request.fields {
            [first, rest @ ..] if first.name == b":protocol" => (Some(first.value), rest),
            fields => (None, fields),
        };
        if protocol.is_some_and(|p| !token::is_token(p) || request.method.as_bytes() != b"CONNECT") {
            return Err(UsageError::BadUpgrade);
        }
        // "Upon receipt of SETTINGS_ENABLE_CONNECT_PROTOCOL with a value of 1, a client MAY use the Extended
        // CONNECT" (RFC 8441, section 3), and not before.
        if protocol.is_some() && !self.peer.enable_connect_protocol {
            return Err(UsageError::BadUpgrade);
        }
        let connect = request.method.as_bytes() == b"CONNECT";
        let control = Control::of(request, protocol, secure)?;
        let checked = check(fields, true)?;
        let length = match (checked.content_length, body) {
            (_, BodyLen::Exact(_)) if connect => return Err(UsageError::BodyNotAllowed),
            (None, BodyLen::Exact(n)) => Some(n),
            (None, _) => None,
            (Some(_), _) if connect => return Err(UsageError::FramingField),
            (Some(given), BodyLen::Exact(n)) if given == n => None,
            (Some(0), BodyLen::Empty) => None,
            _ => return Err(UsageError::FramingField),
        };
        let waits = |f: &Field<'_>| f.is("expect") && list::contains(f.value, "100-continue");
        let expects = checked.expect_continue || fields.iter().any(waits);
        // "A client MUST NOT generate a 100-continue expectation in a request that does not include content"
        // (RFC 9110, section 10.1.1)
        if expects && body == BodyLen::Empty {
            return Err(UsageError::FramingField);
        }
        // What a tunnel carries follows its acceptance.
        let complete = body == BodyLen::Empty && !connect;
        let id = self.local_next;
        let control = &control.fields[..control.len];
        let lines = Lines { control, presets: &[], fields, length, without_host: true };
        self.write_section(now, id, None, complete, &lines, &checked, &[], out)?;
        self.local_next += 2;
        let mut state = State::Idle;
        state.send(Input::SendHeaders);
        if complete {
            state.send(Input::SendEnd);
        }
        let recv = self.recv_window();
        let mut new = Stream::new(id, state, recv, SendWindow::new(self.peer.initial_window_size));
        new.head.sent = true;
        new.counted = true;
        new.send_left = match body {
            BodyLen::Exact(n) => n,
            _ => UNKNOWN,
        };
        new.sched.incremental = true;
        new.method = match request.method.as_bytes() {
            b"HEAD" => Kind::Head,
            b"CONNECT" => Kind::Connect,
            _ => Kind::Plain,
        };
        let slot = self.streams.insert(new);
        self.flood.began();
        self.local_count += 1;
        if expects {
            self.streams[slot].waits = true;
            let at = (now + self.config.timeouts.expect_continue).as_nanos();
            self.waiting.add(&mut self.streams, slot, at);
        }
        Ok(StreamId(u64::from(id)))
    }

    pub(in crate::h2) fn push(
        &mut self,
        now: Instant,
        stream: StreamId,
        request: &Request<'_>,
        out: &mut dyn Output,
    ) -> Result<StreamId, UsageError> {
        let slot = self.slot(stream)?;
        let going = self.received_go_away.is_some() || !self.peer.enable_push || self.role == Role::Client;
        let associated = &self.streams[slot];
        let may_push = matches!(associated.state.next(Input::SendPush), Next::To(_));
        // "PUSH_PROMISE frames MUST only be sent on a peer-initiated stream that is in either the "open" or
        // "half-closed (remote)" state." (section 6.6)
        if going || !self.settings_received || !may_push || !self.is_peers(associated.id) {
            return Err(UsageError::WrongState);
        }
        if self.local_count >= self.peer.max_concurrent_streams || self.local_next > MAX_31 {
            return Err(UsageError::NoStreams);
        }
        // "Promised requests MUST be safe and cacheable. Promised requests cannot include any content"
        // (section 8.4)
        if !matches!(request.method, Method::Get | Method::Head) {
            return Err(UsageError::BadMethod);
        }
        let control = Control::of(request, None, false)?;
        let checked = check(request.fields, true)?;
        if checked.content_length.is_some() || checked.expect_continue {
            return Err(UsageError::FramingField);
        }
        let (on, id) = (associated.id, self.local_next);
        let urgency = associated.sched.urgency;
        let control = &control.fields[..control.len];
        let lines = Lines { control, presets: &[], fields: request.fields, length: None, without_host: true };
        self.write_section(now, on, Some(id), false, &lines, &checked, &[], out)?;
        self.local_next += 2;
        let send = SendWindow::new(self.peer.initial_window_size);
        let mut state = State::Idle;
        state.send(Input::SendPromised);
        let mut new = Stream::new(id, state, RecvWindow::new(0, 0), send);
        new.head.received = true;
        new.counted = true;
        new.recv_left = 0;
        new.method = if request.method == Method::Head { Kind::Head } else { Kind::Plain };
        // A promise is a guess: it gives way to what was asked for.
        new.sched.urgency = (urgency + 1).min(7);
        self.streams.insert(new);
        self.flood.began();
        self.local_count += 1;
        Ok(StreamId(u64::from(id)))
    }

    /// The request of an upgrade becomes stream 1.
    ///
    /// "The HTTP/1.1 request that is sent prior to upgrade is assigned a stream identifier of 1 [...].
    /// Stream 1 is implicitly "half-closed" from the client toward the server, since the request is
    /// completed as an HTTP/1.1 request." (RFC 7540, section 3.2)
    pub(in crate::h2) fn begin_upgraded(
        &mut self,
        settings: &[Setting],
        method: &Method<'_>,
    ) -> Result<StreamId, PeerError> {
        for &setting in settings {
            self.peer.apply(setting, self.role)?;
            if setting.id == SettingId::HEADER_TABLE_SIZE {
                self.encoder.set_max_table_size(setting.value, self.config.h2.encoder_table_size);
            }
        }
        let server = self.role == Role::Server;
        let state = if server { State::HalfClosedRemote } else { State::HalfClosedLocal };
        let recv = self.recv_window();
        let mut new = Stream::new(1, state, recv, SendWindow::new(self.peer.initial_window_size));
        (new.head.received, new.head.sent, new.counted) = (server, !server, true);
        if *method == Method::Head {
            new.method = Kind::Head;
        }
        self.streams.insert(new);
        self.flood.began();
        if server {
            (self.peer_last, self.peer_count) = (1, 1);
            self.idle_at = NEVER;
        } else {
            (self.local_next, self.local_count) = (3, 1);
        }
        Ok(StreamId(1))
    }
}
