//! HTTP, whichever version: one machine for both, so that one [`Session`](crate::Session) is enough.
//!
//! ```text
//!              Server                              Client
//!   first bytes ┬─ the preface ─▶ h2::Server       http1() ─▶ h1::Client
//!               └─ all others ──▶ h1::Server       http2() ─▶ h2::Client
//!                                     └── 101, CONNECT ─▶ Recv::Switched { to: WebSocket | Tunnel }
//! ```
//!
//! [`Connection`] is a session of such a server that goes on with WebSocket: one type for an event loop.
//!
//! # What is the same, and what is not
//!
//! - Events and calls are those of [`Http`](crate::Http). Streams of HTTP/1.1 come one after the other, those of
//!   HTTP/2 beside each other: who keeps a record for each stream is right with both.
//! - **Credit is counted over HTTP/1.1 as well.** Content has to be [released](crate::Http::release), or given up
//!   with [`done`](crate::Http::done): otherwise `recv` says `Paused` once the caller holds as much as the first window
//!   of a stream ([`stream_window`](crate::h2::Limits::stream_window)) and at most one read beyond it. So there is
//!   one way to hold a sender back. The bare machines of HTTP/1.1 count nothing; there, one does not call `recv`.
//! - A request that is done with over HTTP/1.1 still has to be answered; over HTTP/2 it is gone.
//! - What only one version knows is reached through `as_http1`, `as_http2` and their likes.
//!
//! # What it costs
//!
//! A machine of HTTP/1.1 lies inside, one of HTTP/2 in a box of its own, so that a connection of HTTP/1.1 allocates
//! nothing. Every call looks at which it is: 65 instructions beside the 1000 of the smallest exchange of HTTP/1.1
//! (`cargo bench -p avx-core --bench machine -- any 1000`, counted).

mod client;
mod connection;
mod credit;
mod server;

pub use client::Client;
pub use connection::Connection;
pub use server::Server;

use alloc::boxed::Box;

/// One of two machines.
///
/// The smaller one lies here: connections of HTTP/1.1 come in the largest numbers and hold the least.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "that is its purpose")]
enum Speaks<A, B> {
    Http1(A),
    Http2(Box<B>),
}

/// Asks the machine that is there.
macro_rules! ask {
    ($self:ident, $machine:ident => $answer:expr) => {
        match &$self.speaks {
            crate::any::Speaks::Http1($machine) => $answer,
            crate::any::Speaks::Http2($machine) => $answer,
        }
    };
}

/// Tells it something.
macro_rules! tell {
    ($self:ident, $machine:ident => $answer:expr) => {
        match &mut $self.speaks {
            crate::any::Speaks::Http1($machine) => $answer,
            crate::any::Speaks::Http2($machine) => $answer,
        }
    };
}

/// The wire side but for `recv`, and the user side: the same for both roles.
macro_rules! machines {
    ($name:ident, $http1:ty, $http2:ty) => {
        impl $name {
            /// Whether HTTP/2 is spoken; false as long as it is not known, because until then HTTP/1.1 answers errors.
            pub fn is_http2(&self) -> bool {
                matches!(self.speaks, Speaks::Http2(_))
            }

            /// The machine of HTTP/1.1, if it is one.
            pub fn as_http1(&self) -> Option<&$http1> {
                match &self.speaks {
                    Speaks::Http1(machine) => Some(machine),
                    Speaks::Http2(_) => None,
                }
            }

            /// The machine of HTTP/2, if it is one.
            pub fn as_http2(&self) -> Option<&$http2> {
                match &self.speaks {
                    Speaks::Http1(_) => None,
                    Speaks::Http2(machine) => Some(machine),
                }
            }

            /// The machine of HTTP/2, if it is one.
            pub fn as_http2_mut(&mut self) -> Option<&mut $http2> {
                match &mut self.speaks {
                    Speaks::Http1(_) => None,
                    Speaks::Http2(machine) => Some(machine),
                }
            }

            /// Whether no exchange is under way.
            pub fn is_idle(&self) -> bool {
                ask!(self, m => m.is_idle())
            }

            /// What the machine of HTTP/1.1 says next, or that it is not asked because the caller holds too much.
            #[inline]
            fn recv_http1<'b>(
                machine: &mut $http1,
                credit: &mut Credit,
                now: Instant,
                input: &'b mut [u8],
                scratch: &'b mut Scratch,
            ) -> Result<Recv<Event<'b>>, PeerError> {
                if credit.is_used_up() && machine.is_amid_content() {
                    machine.hold(now);
                    return Ok(Recv::Paused);
                }
                let recv = machine.recv(now, input, scratch)?;
                if let Recv::Event { event, .. } = &recv {
                    credit.note(event);
                }
                Ok(recv)
            }
        }

        impl Machine for $name {
            type Event<'b> = Event<'b>;

            #[inline]
            fn recv<'b>(
                &mut self,
                now: Instant,
                input: &'b mut [u8],
                scratch: &'b mut Scratch,
            ) -> Result<Recv<Event<'b>>, PeerError> {
                self.recv_any(now, input, scratch)
            }

            fn recv_eof(&mut self, now: Instant) {
                tell!(self, m => m.recv_eof(now));
            }

            #[inline]
            fn transmit(&mut self, now: Instant, out: &mut dyn Output) {
                tell!(self, m => m.transmit(now, out));
            }

            #[inline]
            fn wants_transmit(&self) -> bool {
                ask!(self, m => m.wants_transmit())
            }

            #[inline]
            fn poll_timeout(&self) -> Option<Instant> {
                ask!(self, m => m.poll_timeout())
            }

            fn handle_timeout(&mut self, now: Instant) {
                tell!(self, m => m.handle_timeout(now));
            }

            fn hold(&mut self, now: Instant) {
                tell!(self, m => m.hold(now));
            }

            #[inline]
            fn wants_read(&self) -> bool {
                match &self.speaks {
                    Speaks::Http1(m) => m.wants_read() && !(self.credit.is_used_up() && m.is_amid_content()),
                    Speaks::Http2(m) => m.wants_read(),
                }
            }

            #[inline]
            fn wants_flush(&self) -> bool {
                ask!(self, m => m.wants_flush())
            }

            fn did_flush(&mut self, now: Instant) {
                tell!(self, m => m.did_flush(now));
            }

            #[inline]
            fn is_send_closed(&self) -> bool {
                ask!(self, m => m.is_send_closed())
            }

            #[inline]
            fn is_closed(&self) -> bool {
                ask!(self, m => m.is_closed())
            }

            fn wants_reset(&self) -> bool {
                ask!(self, m => m.wants_reset())
            }
        }

        impl Http for $name {
            fn send_request(
                &mut self,
                now: Instant,
                request: &Request<'_>,
                body: BodyLen,
                out: &mut dyn Output,
            ) -> Result<StreamId, UsageError> {
                tell!(self, m => m.send_request(now, request, body, out))
            }

            fn send_informational(
                &mut self,
                now: Instant,
                stream: StreamId,
                response: &Response<'_>,
                out: &mut dyn Output,
            ) -> Result<(), UsageError> {
                tell!(self, m => m.send_informational(now, stream, response, out))
            }

            fn send_response(
                &mut self,
                now: Instant,
                stream: StreamId,
                response: &Response<'_>,
                body: BodyLen,
                out: &mut dyn Output,
            ) -> Result<BodyLen, UsageError> {
                tell!(self, m => m.send_response(now, stream, response, body, out))
            }

            #[inline]
            fn send_full(
                &mut self,
                now: Instant,
                stream: StreamId,
                response: &Response<'_>,
                content: &[u8],
                out: &mut dyn Output,
            ) -> Result<(), UsageError> {
                tell!(self, m => m.send_full(now, stream, response, content, out))
            }

            fn send_data(
                &mut self,
                now: Instant,
                stream: StreamId,
                data: &[u8],
                out: &mut dyn Output,
            ) -> Result<usize, UsageError> {
                tell!(self, m => m.send_data(now, stream, data, out))
            }

            fn frame_data(
                &mut self,
                now: Instant,
                stream: StreamId,
                len: usize,
                out: &mut dyn Output,
            ) -> Result<usize, UsageError> {
                tell!(self, m => m.frame_data(now, stream, len, out))
            }

            fn send_end(
                &mut self,
                now: Instant,
                stream: StreamId,
                trailers: &[Field<'_>],
                out: &mut dyn Output,
            ) -> Result<(), UsageError> {
                tell!(self, m => m.send_end(now, stream, trailers, out))
            }

            #[inline]
            fn forgo_end(&mut self, now: Instant, stream: StreamId) {
                tell!(self, m => m.forgo_end(now, stream));
            }

            fn reset(&mut self, now: Instant, stream: StreamId, code: ErrorCode) {
                tell!(self, m => m.reset(now, stream, code));
            }

            fn release(&mut self, stream: StreamId, credit: u32) {
                self.credit.release(stream, credit);
                tell!(self, m => m.release(stream, credit));
            }

            fn done(&mut self, now: Instant, stream: StreamId) {
                self.credit.done(stream);
                tell!(self, m => m.done(now, stream));
            }

            fn set_priority(&mut self, stream: StreamId, priority: Priority) {
                tell!(self, m => m.set_priority(stream, priority));
            }

            fn priority(&self, stream: StreamId) -> Option<Priority> {
                ask!(self, m => m.priority(stream))
            }

            fn push(
                &mut self,
                now: Instant,
                stream: StreamId,
                request: &Request<'_>,
                out: &mut dyn Output,
            ) -> Result<StreamId, UsageError> {
                tell!(self, m => m.push(now, stream, request, out))
            }

            fn wants_write(&mut self, stream: StreamId, yes: bool) {
                tell!(self, m => m.wants_write(stream, yes));
            }

            fn next_writable(&mut self) -> Option<StreamId> {
                tell!(self, m => m.next_writable())
            }

            fn shutdown(&mut self, now: Instant) {
                tell!(self, m => m.shutdown(now));
            }
        }
    };
}

use {ask, machines, tell};
