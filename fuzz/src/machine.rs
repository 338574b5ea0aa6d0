//! The machines: the same events, errors, answers and ends for every cutting, and the contract all along.

use crate::{NOW, config, options, pieces};
use avx_core::h1::{Client, Server};
use avx_core::{
    BodyLen, ErrorCode, Field, Http, Instant, Method, PeerError, Protocol, Request, Response, Status,
    StreamId, any,
};
use conformance::drive::{Answer, Driver, Seen};

/// A server that answers each request in one of several ways.
pub fn server(data: &[u8]) {
    let Some(([bits, step, ways, end], input)) = options(data) else { return };
    let run = |cut: Cut| {
        let driver = Driver::new(Server::new(config(bits), NOW), NOW);
        read(driver, input, cut, end & 1 == 1, &mut answer(ways))
    };
    let whole = run(Cut::Whole);
    assert_eq!(run(Cut::Pieces(step)), whole);
    assert_eq!(run(Cut::Bytes), whole);
    assert_eq!(run(Cut::EndFirst), whole);
    // The machine for any version does the same, unless it is HTTP/2.
    if !whole.switched.as_ref().is_some_and(|(_, rest)| rest.starts_with(b"PRI * HTTP/2.0")) {
        let driver = Driver::new(any::Server::new(config(bits), NOW), NOW);
        assert_eq!(read(driver, input, Cut::Pieces(step), end & 1 == 1, &mut answer(ways)), whole);
    }
}

/// A client with several requests in flight.
pub fn client(data: &[u8]) {
    let Some(([bits, step, requests, end], input)) = options(data) else { return };
    let run = |cut: Cut| {
        let driver = with_requests(Driver::new(Client::new(config(bits), NOW), NOW), requests);
        read(driver, input, cut, end & 1 == 1, &mut |_, _, _, _| {})
    };
    let whole = run(Cut::Whole);
    assert_eq!(run(Cut::Pieces(step)), whole);
    assert_eq!(run(Cut::Bytes), whole);
    assert_eq!(run(Cut::EndFirst), whole);
}

#[derive(Clone, Copy)]
enum Cut {
    Whole,
    Pieces(u8),
    Bytes,
    /// The end is known before the bytes are looked at.
    EndFirst,
}

/// What a machine did.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) seen: Vec<Seen>,
    pub(crate) error: Option<PeerError>,
    pub(crate) out: Vec<u8>,
    pub(crate) switched: Option<(Protocol, Vec<u8>)>,
    pub(crate) closed: (bool, bool),
}

fn read<M: Http>(mut driver: Driver<M>, input: &[u8], cut: Cut, end: bool, answer: Answer<'_, M>) -> Outcome {
    match cut {
        Cut::Whole => driver.feed_with(input, answer),
        Cut::Pieces(step) => pieces(input, step).for_each(|piece| driver.feed_with(piece, answer)),
        Cut::Bytes => input.chunks(1).for_each(|piece| driver.feed_with(piece, answer)),
        Cut::EndFirst if end => driver.input.extend_from_slice(input),
        Cut::EndFirst => driver.feed_with(input, answer),
    }
    if end {
        driver.eof_with(answer);
    }
    assert!(driver.faults.is_empty(), "{:?}", driver.faults);
    Outcome {
        closed: (driver.machine.is_send_closed(), driver.machine.is_closed()),
        seen: driver.seen,
        error: driver.error,
        out: driver.out,
        switched: driver.switched.map(|to| (to, driver.input)),
    }
}

/// Answers each request in a way that depends on its number and `ways` only.
pub(crate) fn answer<M: Http>(ways: u8) -> impl FnMut(Instant, &Seen, &mut M, &mut Vec<u8>) {
    let mut connect = None;
    move |now, seen, m, out| {
        let id = StreamId(seen.stream());
        // A tunnel would have no content.
        let tunnel = matches!(seen, Seen::Request(head) if head.method == b"CONNECT") || connect == Some(id);
        if tunnel {
            connect = Some(id);
        }
        let ok = Response::new(if tunnel { Status::FORBIDDEN } else { Status::OK }, &[]);
        let to = [Field::new("Upgrade", "websocket")];
        let result = match (seen, (ways >> (id.0 % 4 * 2)) % 8) {
            (Seen::Request(_), 0) => m.send_full(now, id, &ok, b"early", out),
            (Seen::Request(_), 1) => {
                m.send_informational(now, id, &Response::new(Status::CONTINUE, &[]), out)
            }
            (Seen::Request(_), 2) => m.send_response(now, id, &ok, BodyLen::Streaming, out).map(|_| ()),
            (Seen::End(..), 2) if m.frame_data(now, id, 0, out).is_ok() => m.send_end(now, id, &[], out),
            (Seen::Request(_), 4) => {
                m.reset(now, id, ErrorCode::CANCEL);
                Ok(())
            }
            (Seen::End(..), 5) => {
                let switch = Response::new(Status::SWITCHING_PROTOCOLS, &to);
                m.send_full(now, id, &switch, b"", out).or_else(|_| m.send_full(now, id, &ok, b"no", out))
            }
            (Seen::Request(_), 6) => {
                m.shutdown(now);
                Ok(())
            }
            (Seen::End(..), 1 | 3 | 6) => m.send_full(now, id, &ok, b"late", out),
            _ => Ok(()),
        };
        assert_eq!(result, Ok(()), "{seen:?}");
    }
}

/// Sends up to four requests, each of one of four kinds; what cannot be sent any more is not.
pub(crate) fn with_requests(mut driver: Driver<Client>, kinds: u8) -> Driver<Client> {
    let upgrade = [Field::new("Upgrade", "websocket")];
    let expect = [Field::new("Expect", "100-continue")];
    for i in 0..=kinds >> 6 {
        let (method, target, fields, body): (_, &[u8], &[Field<'_>], _) = match kinds >> (i * 2) & 7 {
            0 => (Method::Head, b"/", &[], BodyLen::Empty),
            1 => (Method::Post, b"/", &expect, BodyLen::Exact(5)),
            2 => (Method::Get, b"/", &upgrade, BodyLen::Empty),
            3 => (Method::Connect, b"a:1", &[], BodyLen::Empty),
            4 => (Method::Post, b"/", &[], BodyLen::Streaming),
            _ => (Method::Get, b"/", &[], BodyLen::Empty),
        };
        let request = Request { method, target, authority: b"a", fields };
        let _ = driver.call(|m, now, out| m.send_request(now, &request, body, out));
    }
    driver
}
