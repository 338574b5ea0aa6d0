//! HTTP/2 (RFC 9113), with extensible priorities (RFC 9218) and extended CONNECT (RFC 8441).
//!
//! ```text
//!            Server, Client                 thin: which calls there are
//!                  │
//!             connection                    recv, data, block, control │ send, section, request, transmit │ time
//!      ┌───────┬───┴───┬─────────┬────────┐
//!   streams  flow  schedule  settings  flood   what there is to keep about a connection
//!      │
//!    state                                     RFC 9113, section 5.1, as a table
//!
//!    frame  hpack  message                     bytes to frames, blocks to fields, fields to heads
//! ```
//!
//! # What may surprise
//!
//! - A stream that was reset counts against [`Limits::max_streams`] until the caller says
//!   [`done`](crate::Http::done): a peer that asks and cancels gains nothing.
//! - Errors that no honest peer makes end the connection even where the RFC would be content with the
//!   stream (a window update of zero, frames behind the end of a stream, a stream that depends on itself):
//!   otherwise an attacker has the server reset streams at its own expense.
//! - Cookie crumbs are joined (section 8.2.3). Host and `:authority` that differ are answered with 400.
//! - Content is told as it arrives; a frame is never waited for. Padding is given back by itself.
//! - Until the peer shows that it knows the priorities of RFC 9218, responses share bandwidth by the
//!   weights of RFC 7540; there is no dependency tree.

mod client;
mod connection;
mod control;
mod flood;
mod flow;
pub mod frame;
mod growth;
pub mod hpack;
mod limits;
mod message;
mod schedule;
mod server;
mod settings;
mod state;
mod stream;
mod streams;
mod timers;
mod upgrade;

pub use client::Client;
pub use limits::Limits;
pub use server::Server;
pub use settings::PeerSettings;
pub use upgrade::settings_field;

/// The wire side, the same for both roles.
macro_rules! machine {
    ($name:ident) => {
        impl Machine for $name {
            type Event<'b> = Event<'b>;

            #[inline]
            fn recv<'b>(
                &mut self,
                now: Instant,
                input: &'b mut [u8],
                scratch: &'b mut Scratch,
            ) -> Result<Recv<Event<'b>>, PeerError> {
                self.connection.recv(now, input, scratch)
            }

            fn recv_eof(&mut self, now: Instant) {
                self.connection.recv_eof(now);
            }

            #[inline]
            fn transmit(&mut self, now: Instant, out: &mut dyn Output) {
                self.connection.transmit(now, out);
            }

            #[inline]
            fn poll_timeout(&self) -> Option<Instant> {
                self.connection.poll_timeout()
            }

            fn handle_timeout(&mut self, now: Instant) {
                self.connection.handle_timeout(now);
            }

            fn hold(&mut self, _: Instant) {
                self.connection.hold();
            }

            #[inline]
            fn wants_read(&self) -> bool {
                self.connection.wants_read()
            }

            #[inline]
            fn wants_flush(&self) -> bool {
                self.connection.wants_flush()
            }

            fn did_flush(&mut self, now: Instant) {
                self.connection.did_flush(now);
            }

            #[inline]
            fn is_send_closed(&self) -> bool {
                self.connection.is_send_closed()
            }

            #[inline]
            fn is_closed(&self) -> bool {
                self.connection.is_closed()
            }
        }
    };
}

/// What both roles' users may do with a stream.
macro_rules! user {
    () => {
        #[inline]
        fn send_data(
            &mut self,
            now: Instant,
            stream: StreamId,
            data: &[u8],
            out: &mut dyn Output,
        ) -> Result<usize, UsageError> {
            self.connection.send_data(now, stream, data, out)
        }

        #[inline]
        fn frame_data(
            &mut self,
            now: Instant,
            stream: StreamId,
            len: usize,
            out: &mut dyn Output,
        ) -> Result<usize, UsageError> {
            self.connection.frame_data(now, stream, len, out)
        }

        #[inline]
        fn send_end(
            &mut self,
            now: Instant,
            stream: StreamId,
            trailers: &[Field<'_>],
            out: &mut dyn Output,
        ) -> Result<(), UsageError> {
            self.connection.send_end(now, stream, trailers, out)
        }

        #[inline]
        fn forgo_end(&mut self, _: Instant, stream: StreamId) {
            self.connection.forgo_end(stream);
        }

        fn reset(&mut self, now: Instant, stream: StreamId, code: ErrorCode) {
            self.connection.reset(now, stream, code);
        }

        #[inline]
        fn release(&mut self, stream: StreamId, credit: u32) {
            self.connection.release(stream, credit);
        }

        fn done(&mut self, now: Instant, stream: StreamId) {
            self.connection.done(now, stream);
        }

        #[inline]
        fn wants_write(&mut self, stream: StreamId, yes: bool) {
            self.connection.wants_write(stream, yes);
        }

        #[inline]
        fn next_writable(&mut self) -> Option<StreamId> {
            self.connection.next_writable()
        }

        fn set_priority(&mut self, stream: StreamId, priority: Priority) {
            self.connection.set_priority(stream, priority);
        }

        fn priority(&self, stream: StreamId) -> Option<Priority> {
            self.connection.priority(stream)
        }

        fn shutdown(&mut self, now: Instant) {
            self.connection.shutdown(now);
        }
    };
}

use {machine, user};
