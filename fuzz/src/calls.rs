//! Calls in any order, with any arguments and any room: refused ones leave no trace, none panics.

use crate::machine::with_requests;
use crate::{NOW, config, options};
use avx_core::h1::{Client, Server};
use avx_core::{
    BodyLen, ErrorCode, Field, Http, Instant, Method, Request, Response, SliceOutput, Status, StreamId,
    UsageError,
};
use conformance::drive::Driver;
use std::fmt::Debug;
use std::time::Duration;

/// A server whose user does anything.
pub fn server_calls(data: &[u8]) {
    let Some(([bits], script)) = options(data) else { return };
    run(Driver::new(Server::new(config(bits), NOW), NOW), script);
}

/// A client whose user does anything.
pub fn client_calls(data: &[u8]) {
    let Some(([bits, requests], script)) = options(data) else { return };
    run(with_requests(Driver::new(Client::new(config(bits), NOW), NOW), requests), script);
}

/// The rest of a script.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> u8 {
        let Some((&b, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        b
    }

    /// So many bytes as the next byte says.
    fn bytes(&mut self) -> &'a [u8] {
        let n = usize::from(self.byte() & 0x3f).min(self.0.len());
        let (bytes, rest) = self.0.split_at(n);
        self.0 = rest;
        bytes
    }

    /// One of `words`, or any bytes.
    fn word(&mut self, words: &[&'static str]) -> &'a [u8] {
        let n = usize::from(self.byte());
        match words.get(n) {
            Some(word) => word.as_bytes(),
            None => self.bytes(),
        }
    }

    fn fields(&mut self) -> Vec<Field<'a>> {
        let names =
            ["x", "content-length", "connection", "upgrade", "host", "expect", "date", "transfer-encoding"];
        let values = ["", "y", "5", "close", "upgrade", "websocket", "100-continue", "a"];
        (0..self.byte() % 4)
            .map(|_| Field { name: self.word(&names), value: self.word(&values), sensitive: false })
            .collect()
    }

    fn body(&mut self) -> BodyLen {
        match self.byte() {
            n @ 0..16 => BodyLen::Exact(n.into()),
            16..32 => BodyLen::Streaming,
            _ => BodyLen::Empty,
        }
    }

    fn status(&mut self) -> Status {
        let codes = [100, 101, 103, 200, 204, 205, 304, 404, 599];
        let code = codes.get(usize::from(self.byte())).copied().unwrap_or(200);
        Status::new(code).expect("a status")
    }
}

fn run<M: Http + Debug>(mut driver: Driver<M>, script: &[u8]) {
    let mut script = Script(script);
    while !script.0.is_empty() {
        let verb = script.byte() % 14;
        match verb {
            0..=3 => driver.feed(script.bytes()),
            4 => driver.pass(Duration::from_millis(u64::from(script.byte()) * 300)),
            5 => driver.eof_with(&mut |_, _, _, _| {}),
            _ => {
                let before = format!("{:?}", driver.machine);
                let mut memory = vec![0; usize::from(script.byte()) * 2];
                let mut out = SliceOutput::new(&mut memory);
                let stream = StreamId(u64::from(script.byte() % 4));
                let result = driver.call(|m, now, _| call(m, now, verb, stream, &mut script, &mut out));
                if let Err(error) = result {
                    assert!(out.is_empty(), "{error:?} wrote {}", out.filled().escape_ascii());
                    assert_eq!(format!("{:?}", driver.machine), before, "{error:?} changed something");
                }
            }
        }
        driver.feed(&[]);
        assert!(driver.faults.is_empty(), "{:?}", driver.faults);
    }
}

fn call<M: Http>(
    m: &mut M,
    now: Instant,
    verb: u8,
    stream: StreamId,
    script: &mut Script<'_>,
    out: &mut SliceOutput<'_>,
) -> Result<(), UsageError> {
    match verb {
        6 => {
            let method = Method::from_token(script.word(&["GET", "HEAD", "POST", "CONNECT", "OPTIONS"]));
            let target = script.word(&["/", "*", "a:1", "http://a/"]);
            let authority = script.word(&["a", ""]);
            let fields = script.fields();
            m.send_request(now, &Request { method, target, authority, fields: &fields }, script.body(), out)?;
        }
        7 => {
            let status = script.status();
            let fields = script.fields();
            let reason = (script.byte() & 1 == 1).then(|| script.bytes());
            let response = Response { reason, ..Response::new(status, &fields) };
            m.send_response(now, stream, &response, script.body(), out)?;
        }
        8 => {
            let (status, fields) = (script.status(), script.fields());
            m.send_full(now, stream, &Response::new(status, &fields), script.bytes(), out)?;
        }
        9 => {
            let (status, fields) = (script.status(), script.fields());
            m.send_informational(now, stream, &Response::new(status, &fields), out)?;
        }
        10 => {
            let data = script.bytes();
            assert!(m.send_data(now, stream, data, out)? <= data.len());
        }
        11 => {
            let len = usize::from(script.byte());
            assert!(m.frame_data(now, stream, len, out)? <= len);
        }
        12 => m.send_end(now, stream, &script.fields(), out)?,
        _ if script.byte() & 1 == 1 => m.reset(now, stream, ErrorCode::CANCEL),
        _ => m.shutdown(now),
    }
    Ok(())
}
