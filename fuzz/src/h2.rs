//! HTTP/2: frames come out as they went in, and both machines do the same for every cutting.

use crate::session::joined;
use crate::{NOW, options, pieces};
use avx_core::h2::frame::{
    Data, Dependency, GoAway, Header, Headers, Kind, Ping, Priority, PriorityUpdate, PushPromise, RstStream,
    Settings, WindowUpdate,
};
use avx_core::h2::{Client, Server};
use avx_core::{
    BodyLen, Config, ErrorCode, Field, Http, Instant, Method, PeerError, Request, Response, Status, StreamId,
};
use conformance::drive::{Answer, Driver, Seen};
use std::sync::Arc;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0";

/// One frame after the other, each read and written again.
pub fn h2_frames(data: &[u8]) {
    let mut rest = data;
    while let Some(header) = Header::peek(rest) {
        let body = &rest[Header::LEN..];
        let payload = &body[..body.len().min(header.len as usize)];
        if payload.len() == header.len as usize {
            frame(&header, payload);
        }
        rest = &body[payload.len()..];
    }
}

fn frame(header: &Header, payload: &[u8]) {
    let mut out = Vec::new();
    let len = payload.len();
    let written = match header.kind {
        Kind::DATA => {
            let Ok(data) = Data::parse(header, payload.first()) else { return };
            assert_eq!((data.skip + data.len + data.padding) as usize, len);
            return;
        }
        Kind::HEADERS => {
            let Ok(headers) = Headers::parse(header, payload) else { return };
            assert!(headers.fragment.start <= headers.fragment.end && headers.fragment.end <= len);
            assert!(headers.dependency.is_none_or(|Dependency { weight, .. }| (1..=256).contains(&weight)));
            return;
        }
        Kind::PUSH_PROMISE => {
            let Ok(promise) = PushPromise::parse(header, payload) else { return };
            assert!(promise.fragment.start <= promise.fragment.end && promise.fragment.end <= len);
            return;
        }
        Kind::SETTINGS => {
            let Ok(settings) = Settings::parse(header, payload) else { return };
            let list: Vec<_> = settings.iter().collect();
            if settings == Settings::Ack {
                Settings::write_ack(&mut out)
            } else {
                Settings::write(&list, &mut out)
            }
        }
        Kind::PRIORITY => Priority::parse(header, payload).map_or(Ok(()), |frame| frame.write(&mut out)),
        Kind::RST_STREAM => RstStream::parse(header, payload).map_or(Ok(()), |frame| frame.write(&mut out)),
        Kind::PING => Ping::parse(header, payload).map_or(Ok(()), |frame| frame.write(&mut out)),
        Kind::WINDOW_UPDATE => {
            WindowUpdate::parse(header, payload).map_or(Ok(()), |frame| frame.write(&mut out))
        }
        Kind::PRIORITY_UPDATE => {
            PriorityUpdate::parse(header, payload).map_or(Ok(()), |frame| frame.write(&mut out))
        }
        Kind::GOAWAY => {
            GoAway::parse(header, payload).map_or(Ok(()), |frame| frame.write(&payload[8..], &mut out))
        }
        _ => return,
    };
    assert!(written.is_ok());
    if !out.is_empty() {
        let again = Header::peek(&out).expect("a header");
        assert_eq!((again.len, again.kind, again.stream), (header.len, header.kind, header.stream));
        // Reserved bits apart, which are first in a word.
        let same = out[Header::LEN..].iter().zip(payload).all(|(a, b)| a == b || a & 0x7f == b & 0x7f);
        assert!(same, "{out:?} of {payload:?}");
    }
}

/// A server that answers each request in one of several ways.
pub fn h2_server(data: &[u8]) {
    let Some(([bits, step, ways, end], input)) = options(data) else { return };
    let input = [if bits & 0x80 == 0 { PREFACE } else { b"" }, input].concat();
    let run = |cut: Option<u8>| {
        let driver = Driver::new(Server::new(config(bits), NOW), NOW);
        read(driver, &input, cut, end & 1 == 1, &mut answer(ways))
    };
    let whole = run(None);
    assert_eq!(run(Some(step)), whole);
    assert_eq!(run(Some(0)), whole);
}

/// A client with several requests under way.
pub fn h2_client(data: &[u8]) {
    let Some(([bits, step, requests, end], input)) = options(data) else { return };
    let input = [if bits & 0x80 == 0 { &PREFACE[24..] } else { b"" }, input].concat();
    let run = |cut: Option<u8>| {
        let driver = with_requests(Driver::new(Client::new(config(bits), NOW), NOW), requests);
        read(driver, &input, cut, end & 1 == 1, &mut |now, seen, m: &mut Client, _| {
            let id = StreamId(seen.stream());
            match seen {
                Seen::Data(_, data) => m.release(id, data.len() as u32),
                Seen::Reset(..) => m.done(now, id),
                _ => {}
            }
        })
    };
    let whole = run(None);
    assert_eq!(run(Some(step)), whole);
    assert_eq!(run(Some(0)), whole);
}

/// Small limits in every second configuration, so that short inputs reach them.
fn config(bits: u8) -> Arc<Config> {
    let mut config = Config::default();
    config.h2.push = bits & 1 != 0;
    config.h2.connect_protocol = bits & 2 != 0;
    config.h2.grow_windows = bits & 4 == 0;
    if bits & 8 != 0 {
        let h2 = &mut config.h2;
        (h2.max_streams, h2.max_pushes, h2.resets, h2.glitches) = (2, 1, 3, 5);
        (h2.stream_window, h2.field_section, h2.continuations, h2.settings) = (100, 200, 2, 2);
        (h2.control_frames, h2.priorities, h2.data_overhead, h2.empty_data) = (8, 2, 1000, 2);
        config.limits.fields = 3;
    }
    Arc::new(config)
}

/// What a machine did.
#[derive(Debug, PartialEq)]
struct Outcome {
    seen: Vec<Seen>,
    error: Option<PeerError>,
    closed: bool,
}

fn read<M: Http>(
    mut driver: Driver<M>,
    input: &[u8],
    cut: Option<u8>,
    end: bool,
    answer: Answer<'_, M>,
) -> Outcome {
    driver.feed(&[]);
    match cut {
        None => driver.feed_with(input, answer),
        Some(0) => input.chunks(1).for_each(|piece| driver.feed_with(piece, answer)),
        Some(step) => pieces(input, step).for_each(|piece| driver.feed_with(piece, answer)),
    }
    if end {
        driver.eof_with(answer);
    }
    assert!(driver.faults.is_empty(), "{:?}", driver.faults);
    Outcome { seen: joined(driver.seen), error: driver.error, closed: driver.machine.is_closed() }
}

/// Answers each request in a way that depends on its stream and `ways` only.
fn answer(ways: u8) -> impl FnMut(Instant, &Seen, &mut Server, &mut Vec<u8>) {
    move |now, seen, m, out| {
        let id = StreamId(seen.stream());
        let ok = Response::new(Status::OK, &[]);
        let _ = match (seen, (ways >> (id.0 / 2 % 4 * 2)) & 7) {
            (Seen::Request(_), 0) => m.send_full(now, id, &ok, b"early", out),
            (Seen::End(..), 1) => m.send_full(now, id, &ok, b"late", out),
            (Seen::Request(_), 2) => m.send_response(now, id, &ok, BodyLen::Streaming, out).map(|_| ()),
            (Seen::End(..), 2) => m.send_end(now, id, &[Field::new("X", "y")], out),
            (Seen::Request(_), 3) => {
                m.send_informational(now, id, &Response::new(Status::CONTINUE, &[]), out)
            }
            (Seen::Request(_), 4) => {
                m.reset(now, id, ErrorCode::CANCEL);
                Ok(())
            }
            (Seen::Request(_), 5) => {
                m.shutdown(now);
                Ok(())
            }
            (Seen::Reset(..) | Seen::End(..), 6) => {
                m.done(now, id);
                Ok(())
            }
            (Seen::Data(_, data), 0..=6) => {
                m.release(id, data.len() as u32);
                Ok(())
            }
            _ => Ok(()),
        };
    }
}

fn with_requests(mut driver: Driver<Client>, kinds: u8) -> Driver<Client> {
    let expect = [Field::new("Expect", "100-continue")];
    for i in 0..=kinds >> 6 {
        let (method, target, fields, body): (_, &[u8], &[Field<'_>], _) = match kinds >> (i * 2) & 7 {
            0 => (Method::Head, b"/", &[], BodyLen::Empty),
            1 => (Method::Post, b"/", &expect, BodyLen::Exact(5)),
            2 => (Method::Connect, b"a:1", &[], BodyLen::Streaming),
            3 => (Method::Post, b"/", &[], BodyLen::Streaming),
            _ => (Method::Get, b"/", &[], BodyLen::Empty),
        };
        let request = Request { method, target, authority: b"a", fields };
        driver.call(|m, now, out| m.send_request(now, &request, body, out)).expect("room");
    }
    driver
}
