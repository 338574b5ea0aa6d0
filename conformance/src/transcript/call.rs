//! What the user of a machine does, one line a call.

use super::format::{Speaks, duration};
use super::text;
use super::ws;
use avx_core::ws::Connection;
use avx_core::ws::role::Role;
use avx_core::{
    BodyLen, ErrorCode, Field, Http, Instant, Method, Output, Request, Response, Status, StreamId, UsageError,
};
use std::time::Duration;

/// One call and what it is to come to.
#[derive(Clone, Debug)]
pub struct Call {
    verb: Verb,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// What the call returns, as text; empty when it simply succeeds.
    result: String,
    /// As it stands, for reports.
    line: String,
}

#[derive(Clone, Debug)]
enum Verb {
    Request {
        method: Vec<u8>,
        target: Vec<u8>,
        authority: Vec<u8>,
        body: BodyLen,
    },
    Respond {
        stream: StreamId,
        status: Status,
        reason: Option<Vec<u8>>,
        body: BodyLen,
    },
    Full {
        stream: StreamId,
        status: Status,
        reason: Option<Vec<u8>>,
        content: Vec<u8>,
    },
    Interim {
        stream: StreamId,
        status: Status,
    },
    Data {
        stream: StreamId,
        data: Vec<u8>,
    },
    Frame {
        stream: StreamId,
        len: usize,
    },
    /// Content the embedder writes itself behind a frame.
    Write(Vec<u8>),
    End {
        stream: StreamId,
    },
    Reset {
        stream: StreamId,
    },
    Release {
        stream: StreamId,
        credit: u32,
    },
    Done {
        stream: StreamId,
    },
    Wants {
        stream: StreamId,
    },
    Writable,
    Shutdown,
    Time(Duration),
    /// A call of WebSocket.
    Ws(ws::Verb),
}

impl Call {
    /// Reads the lines of a `calls` block.
    pub(super) fn parse_block(lines: &[String], speaks: Speaks) -> Result<Vec<Call>, String> {
        let mut calls: Vec<Call> = Vec::new();
        for line in lines {
            match line.strip_prefix("  ") {
                Some(field) => {
                    let call = calls.last_mut().ok_or("a field line belongs to a call")?;
                    let (name, value) = field.split_once(':').ok_or("a field line needs a colon")?;
                    let value = value.strip_prefix(' ').unwrap_or(value);
                    call.fields.push((text::parse(name)?, text::parse(value)?));
                }
                None => calls.push(Call::parse(line, speaks)?),
            }
        }
        Ok(calls)
    }

    fn parse(line: &str, speaks: Speaks) -> Result<Call, String> {
        let (call, result) = line.rsplit_once(" => ").unwrap_or((line, ""));
        let mut words = Words(call);
        let verb = match words.next()? {
            "time" => Verb::Time(duration(words.next()?)?),
            _ if speaks == Speaks::WebSocket => Verb::Ws(ws::Verb::parse(call)?),
            "request" => {
                let method = text::parse(words.next()?)?;
                let target = text::parse(words.next()?)?;
                let authority = match words.next()? {
                    "-" => Vec::new(),
                    authority => text::parse(authority)?,
                };
                Verb::Request { method, target, authority, body: words.body()? }
            }
            "respond" => {
                let (stream, status) = (words.stream()?, words.status()?);
                let reason = match words.0.strip_prefix("reason ") {
                    Some(rest) => {
                        words.0 = rest;
                        Some(text::parse(words.next()?)?)
                    }
                    None => None,
                };
                match words.0.strip_prefix("content ") {
                    Some(content) => Verb::Full { stream, status, reason, content: text::parse(content)? },
                    None if words.0.is_empty() => Verb::Full { stream, status, reason, content: Vec::new() },
                    None => Verb::Respond { stream, status, reason, body: words.body()? },
                }
            }
            "interim" => Verb::Interim { stream: words.stream()?, status: words.status()? },
            "data" => Verb::Data { stream: words.stream()?, data: text::parse(words.0)? },
            "frame" => Verb::Frame { stream: words.stream()?, len: words.number()? as usize },
            "write" => Verb::Write(text::parse(words.0)?),
            "end" => Verb::End { stream: words.stream()? },
            "reset" => Verb::Reset { stream: words.stream()? },
            "release" => Verb::Release { stream: words.stream()?, credit: words.number()? as u32 },
            "done" => Verb::Done { stream: words.stream()? },
            "wants" => Verb::Wants { stream: words.stream()? },
            "writable" => Verb::Writable,
            "shutdown" => Verb::Shutdown,
            other => return Err(format!("unknown call {other:?}")),
        };
        Ok(Call { verb, fields: Vec::new(), result: result.to_string(), line: line.to_string() })
    }

    /// How far time moves before the call, when that is what it is about.
    pub(super) fn time(&self) -> Option<Duration> {
        if let Verb::Time(d) = self.verb { Some(d) } else { None }
    }

    /// Whether the call is to be refused.
    pub(super) fn fails(&self) -> bool {
        self.result.starts_with(|c: char| c.is_ascii_uppercase())
            && !["Empty", "Exact", "Streaming"].iter().any(|body| self.result.starts_with(body))
    }

    /// Makes the call.
    ///
    /// # Errors
    /// It came to something else than expected.
    pub(super) fn make<M: Http>(&self, m: &mut M, now: Instant, out: &mut dyn Output) -> Result<(), String> {
        self.compare(self.attempt(m, now, out))
    }

    /// The same for a machine of WebSocket.
    pub(super) fn make_ws<R: Role>(
        &self,
        m: &mut Connection<R>,
        now: Instant,
        out: &mut dyn Output,
    ) -> Result<(), String> {
        let made = match &self.verb {
            Verb::Ws(verb) => verb.make(m, now, out),
            _ => Ok(()),
        };
        self.compare(made.map(|()| String::new()))
    }

    fn compare(&self, result: Result<String, UsageError>) -> Result<(), String> {
        let result = result.unwrap_or_else(|error| format!("{error:?}"));
        if result == self.result {
            Ok(())
        } else {
            let or = |text: &str| if text.is_empty() { "success".to_string() } else { text.to_string() };
            Err(format!("call `{}` came to {}", self.line, or(&result)))
        }
    }

    fn attempt<M: Http>(&self, m: &mut M, now: Instant, out: &mut dyn Output) -> Result<String, UsageError> {
        let fields: Vec<Field<'_>> = self.fields.iter().map(|(n, v)| Field::new(n, v)).collect();
        let fields = &fields[..];
        let partly = |n: usize, of: usize| if n == of { String::new() } else { n.to_string() };
        match &self.verb {
            Verb::Request { method, target, authority, body } => {
                let method = Method::from_token(method);
                m.send_request(now, &Request { method, target, authority, fields }, *body, out)?;
            }
            Verb::Respond { stream, status, reason, body } => {
                let response = Response { reason: reason.as_deref(), ..Response::new(*status, fields) };
                let follows = m.send_response(now, *stream, &response, *body, out)?;
                if follows != *body && *body != BodyLen::Exact(0) {
                    return Ok(format!("{follows:?}"));
                }
            }
            Verb::Full { stream, status, reason, content } => {
                let response = Response { reason: reason.as_deref(), ..Response::new(*status, fields) };
                m.send_full(now, *stream, &response, content, out)?;
            }
            Verb::Interim { stream, status } => {
                m.send_informational(now, *stream, &Response::new(*status, fields), out)?;
            }
            Verb::Data { stream, data } => {
                return m.send_data(now, *stream, data, out).map(|n| partly(n, data.len()));
            }
            Verb::Frame { stream, len } => {
                return m.frame_data(now, *stream, *len, out).map(|n| partly(n, *len));
            }
            Verb::Write(content) => out.reserve(content.len())?.copy_from_slice(content),
            Verb::End { stream } => m.send_end(now, *stream, fields, out)?,
            Verb::Reset { stream } => m.reset(now, *stream, ErrorCode::CANCEL),
            Verb::Release { stream, credit } => m.release(*stream, *credit),
            Verb::Done { stream } => m.done(now, *stream),
            Verb::Wants { stream } => m.wants_write(*stream, true),
            Verb::Writable => {
                return Ok(m.next_writable().map_or("none".into(), |stream| stream.0.to_string()));
            }
            Verb::Shutdown => m.shutdown(now),
            Verb::Time(_) | Verb::Ws(_) => {}
        }
        Ok(String::new())
    }
}

/// The words of a call not yet read.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<&'a str, String> {
        if self.0.is_empty() {
            return Err("the call lacks a word".into());
        }
        let (word, rest) = self.0.split_once(' ').unwrap_or((self.0, ""));
        self.0 = rest;
        Ok(word)
    }

    fn number(&mut self) -> Result<u64, String> {
        let word = self.next()?;
        word.parse().map_err(|_| format!("bad number {word:?}"))
    }

    fn stream(&mut self) -> Result<StreamId, String> {
        self.number().map(StreamId)
    }

    fn status(&mut self) -> Result<Status, String> {
        let code = self.number()?;
        u16::try_from(code).ok().and_then(Status::new).ok_or_else(|| format!("bad status {code}"))
    }

    fn body(&mut self) -> Result<BodyLen, String> {
        Ok(match self.next().unwrap_or("empty") {
            "empty" => BodyLen::Empty,
            "streaming" => BodyLen::Streaming,
            "length" => BodyLen::Exact(self.number()?),
            other => return Err(format!("unknown body {other:?}")),
        })
    }
}
