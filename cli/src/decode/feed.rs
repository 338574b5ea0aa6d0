//! HTTP/1.1: the bytes, cut as asked, through a machine, with the other role played just as far as needed.

use super::report::Report;
use super::unread::Unread;
use avx_core::h1::{Client, Server};
use avx_core::syntax::list;
use avx_core::{
    BodyLen, Config, Event, Field, Http, Instant, Machine, Method, PeerError, Recv, Request, RequestHead,
    Response, Scratch, Status, StreamId, UsageError,
};
use std::io::{self, Read};
use std::sync::Arc;

/// Time stands still: what arrives in a file is never late.
pub(super) const NOW: Instant = Instant::ZERO;

/// A machine, and what the one who uses it has to do to keep it going.
pub(super) trait Role {
    type Machine: Http;

    fn machine(&mut self) -> &mut Self::Machine;

    /// Unread bytes are there: whatever must have happened before they can mean something.
    fn prepare(&mut self) {}

    /// A request has come.
    fn note(&mut self, _head: &RequestHead<'_>) {}

    /// A message has ended.
    fn did_end(&mut self) -> Result<(), UsageError> {
        Ok(())
    }
}

/// How the input came to its end.
pub(super) struct Ended {
    /// Neither an error nor an incomplete message.
    pub(super) clean: bool,
    /// Bytes behind the last message of the connection.
    pub(super) ignored: u64,
}

/// Feeds `input` to the machine, `cut` bytes at a time, and reports what it says.
pub(super) fn run<R: Role>(
    mut role: R,
    mut input: impl Read,
    cut: usize,
    report: &mut Report<'_>,
) -> io::Result<Ended> {
    let mut unread = Unread::default();
    let mut scratch = Scratch::new();
    let mut ended = Ended { clean: true, ignored: 0 };
    let mut at_least = 1;
    let mut eof = false;
    loop {
        if !unread.as_slice().is_empty() {
            role.prepare();
        }
        let said = role.machine().recv(NOW, unread.as_mut_slice(), &mut scratch);
        let consumed = match said {
            Ok(Recv::Event { consumed, event }) => {
                let last = print(&mut role, &event, report)?;
                if last {
                    role.did_end().map_err(caller)?;
                }
                consumed
            }
            Ok(Recv::NeedMore { consumed, at_least: n }) => {
                if role.machine().is_send_closed() {
                    ended.ignored += consumed as u64;
                }
                unread.consume(consumed);
                if eof {
                    break;
                }
                at_least = n;
                report.flush()?;
                if unread.fill(&mut input, cut)? == 0 {
                    eof = true;
                    role.machine().recv_eof(NOW);
                }
                continue;
            }
            Ok(Recv::Switched { consumed, to }) => {
                let rest =
                    (unread.as_slice().len() - consumed) as u64 + io::copy(&mut input, &mut io::sink())?;
                report.other()?.switched(to, rest)?;
                break;
            }
            Ok(Recv::Paused) => return Err(caller(UsageError::WrongState)),
            Err(error) => {
                ended.clean = false;
                match error {
                    PeerError::UnexpectedEof => report.other()?.need_more(at_least)?,
                    _ => report.other()?.error(error)?,
                }
                break;
            }
        };
        unread.consume(consumed);
    }
    report.other()?.flush()?;
    Ok(ended)
}

/// Reports an event. Whether it ends a message.
fn print(role: &mut impl Role, event: &Event<'_>, report: &mut Report<'_>) -> io::Result<bool> {
    if let Event::Request { head, .. } = event {
        role.note(head);
    }
    report.event(event)?;
    Ok(matches!(event, Event::End { .. }))
}

fn caller(error: UsageError) -> io::Error {
    io::Error::other(error)
}

/// A server that answers every request as soon as it is complete.
pub(super) struct AsServer {
    machine: Server,
    stream: u64,
    upgrade: Option<Vec<u8>>,
}

impl AsServer {
    pub(super) fn new(config: Arc<Config>) -> Self {
        AsServer { machine: Server::new(config, NOW), stream: 0, upgrade: None }
    }
}

impl Role for AsServer {
    type Machine = Server;

    fn machine(&mut self) -> &mut Server {
        &mut self.machine
    }

    fn note(&mut self, head: &RequestHead<'_>) {
        self.stream += 1;
        // The first protocol offered, but WebSocket above all: what follows in the input is most
        // likely that.
        self.upgrade = head.upgrade().and_then(|offer| {
            let first = list::members(offer).next();
            if list::contains(offer, "websocket") {
                Some(b"websocket".to_vec())
            } else {
                first.map(<[u8]>::to_vec)
            }
        });
    }

    fn did_end(&mut self) -> Result<(), UsageError> {
        let stream = StreamId(self.stream);
        let mut out = Vec::new();
        if let Some(protocol) = self.upgrade.take() {
            let fields = [Field::new("Upgrade", &protocol)];
            let response = Response::new(Status::SWITCHING_PROTOCOLS, &fields);
            if self.machine.send_full(NOW, stream, &response, b"", &mut out).is_ok() {
                return Ok(());
            }
        }
        self.machine.send_full(NOW, stream, &Response::new(Status::OK, &[]), b"", &mut out)
    }
}

/// A client that has sent one request for each response.
pub(super) struct AsClient<'m> {
    machine: Client,
    method: Method<'m>,
}

impl<'m> AsClient<'m> {
    /// Sends the first request.
    pub(super) fn new(config: Arc<Config>, method: &'m [u8]) -> Result<Self, UsageError> {
        let mut client = AsClient { machine: Client::new(config, NOW), method: Method::from_token(method) };
        client.send()?;
        Ok(client)
    }

    fn send(&mut self) -> Result<(), UsageError> {
        let connect = self.method == Method::Connect;
        let offer = [Field::new("Upgrade", "websocket")];
        let request = Request {
            method: self.method,
            target: if connect { b"example.com:443" } else { b"/" },
            authority: if connect { b"example.com:443" } else { b"example.com" },
            fields: if connect { &[] } else { &offer },
        };
        self.machine.send_request(NOW, &request, BodyLen::Empty, &mut Vec::new()).map(|_| ())
    }
}

impl Role for AsClient<'_> {
    type Machine = Client;

    fn machine(&mut self) -> &mut Client {
        &mut self.machine
    }

    fn prepare(&mut self) {
        if self.machine.in_flight() == 0 && self.machine.is_reusable() {
            // It was sendable once, so it is again.
            let _ = self.send();
        }
    }
}
