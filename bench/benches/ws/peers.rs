//! Echo servers of the peers, each in the way its documentation shows.

use crate::turns::Run;
use crate::wire::Wire;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// What never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("the wire is always ready"),
    }
}

/// `read` and `send`, which writes and flushes. Text is checked as it arrives and becomes a string of its own.
pub fn tungstenite(wire: Wire, _: usize) -> Run<'static> {
    use tungstenite::protocol::{Role, WebSocket};
    let mut socket = WebSocket::from_raw_socket(wire, Role::Server, None);
    Box::new(move |n| {
        for _ in 0..n {
            let message = socket.read().expect("a message");
            socket.send(message).expect("sent");
        }
    })
}

/// The same, flushed once a read, which its documentation recommends for many messages.
pub fn tungstenite_batched(wire: Wire, batch: usize) -> Run<'static> {
    use tungstenite::protocol::{Role, WebSocket};
    let mut socket = WebSocket::from_raw_socket(wire, Role::Server, None);
    Box::new(move |n| {
        for _ in 0..n {
            for _ in 0..batch {
                let message = socket.read().expect("a message");
                socket.write(message).expect("written");
            }
            socket.flush().expect("flushed");
        }
    })
}

/// `read_frame` and `write_frame`, which writes each frame at once, header and payload as two slices when that has
/// more than 1024 bytes. Text is checked when a frame is a whole message. Payloads share the buffer they came in.
pub fn fastwebsockets(wire: Wire, batch: usize) -> Run<'static> {
    use fastwebsockets::{Frame, Role, WebSocket};
    let mut socket = WebSocket::after_handshake(wire, Role::Server);
    Box::new(move |n| {
        now(async {
            for _ in 0..n * batch as u64 {
                let frame = socket.read_frame().await.expect("a frame");
                // As it is, it would go out with the client's key in its header.
                let answer = Frame::new(true, frame.opcode, None, frame.payload);
                socket.write_frame(answer).await.expect("written");
            }
        });
    })
}

/// `next_frame` and `send`, which writes and flushes; with several messages a read, `feed` and one flush. Its
/// check of text, off by default, is on, because everyone else's is. Payloads share the buffer they came in.
pub fn yawc(wire: Wire, batch: usize) -> Run<'static> {
    use futures::SinkExt;
    let options = yawc::Options::default().with_utf8().with_limits(2 << 20, 4 << 20);
    let mut socket = yawc::WebSocket::from_stream(wire, yawc::Role::Server, options).expect("a socket");
    Box::new(move |n| {
        now(async {
            for _ in 0..n {
                for _ in 0..batch {
                    let mut frame = socket.next_frame().await.expect("a frame");
                    // As it is, it would go out masked with the client's key.
                    frame.set_mask(None);
                    socket.feed(frame).await.expect("fed");
                }
                socket.flush().await.expect("flushed");
            }
        });
    })
}
