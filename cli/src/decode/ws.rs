//! WebSocket: as [`h2`](super::h2), frame by frame, with the pieces of each message joined.

use super::feed::{Ended, NOW};
use super::report::{JOINED, Report, cut_character};
use super::unread::Unread;
use avx_core::ws::extension::{Agreed, ClientBits, Offer, check};
use avx_core::ws::frame::{Header, Parsed};
use avx_core::ws::role::Role;
use avx_core::ws::{Connection, Event, Kind};
use avx_core::{Machine, PeerError, Recv, Scratch};
use std::io::{self, Read};

/// What `--deflate` says was agreed: the value of Sec-WebSocket-Extensions in the server's handshake, with or
/// without the name of the extension.
pub(super) fn agreed(params: &str) -> Result<Agreed, String> {
    const NAME: &str = "permessage-deflate";
    let value = match params.trim() {
        "" => NAME.to_owned(),
        named if named.to_ascii_lowercase().starts_with(NAME) => named.to_owned(),
        params => format!("{NAME}; {params}"),
    };
    let any = Offer { client_max_window_bits: ClientBits::Limitable, ..Offer::default() };
    check([value.as_bytes()], &[any])
        .ok()
        .flatten()
        .ok_or_else(|| format!("{value}: nothing a server may answer"))
}

/// Feeds `input` to the machine, a frame or `cut` bytes at a time, and reports what it says; and all frames, if
/// asked for.
pub(super) fn run<R: Role>(
    mut machine: Connection<R>,
    mut input: impl Read,
    cut: usize,
    frames: bool,
    report: &mut Report<'_>,
) -> io::Result<Ended> {
    let (mut unread, mut scratch, mut message) = (Unread::default(), Scratch::new(), Message::default());
    let mut ended = Ended { clean: true, ignored: 0 };
    // Bytes the machine may look at, and those of the frame at hand that are still to come behind them.
    let (mut shown, mut left, mut eof) = (0, 0, false);
    loop {
        let consumed = match machine.recv(NOW, &mut unread.as_mut_slice()[..shown], &mut scratch) {
            Ok(Recv::Event { consumed, event }) => {
                match event {
                    Event::Data { kind, data, last } => message.push(kind, data, last, report)?,
                    Event::Ping { data } => report.other()?.ws_control("ping", data)?,
                    Event::Pong { data } => report.other()?.ws_control("pong", data)?,
                    Event::Close { code, reason } => report.other()?.ws_close(code, reason)?,
                    _ => {}
                }
                consumed
            }
            Ok(Recv::NeedMore { consumed, .. }) => consumed,
            Ok(other) => return Err(io::Error::other(format!("{other:?}"))),
            Err(error) => {
                ended.clean = false;
                message.give_up(report)?;
                report.other()?.ws_error(error)?;
                break;
            }
        };
        unread.consume(consumed);
        shown -= consumed;
        if !machine.is_open() {
            // The peer has said that nothing follows.
            ended.ignored = unread.as_slice().len() as u64 + io::copy(&mut input, &mut io::sink())?;
            break;
        }
        if consumed > 0 {
            continue;
        }
        // What is shown is not enough.
        let behind = &unread.as_slice()[shown..];
        let more = match (left, Header::parse(behind)) {
            (0, Ok(Parsed::Header(header, at))) => {
                if frames {
                    report.other()?.ws_frame(&header)?;
                }
                left = header.len;
                at
            }
            (0, Ok(Parsed::Missing(_))) => 0,
            // The machine knows which rule it breaks.
            (0, Err(_)) => behind.len(),
            (of, _) => {
                let n = of.min(behind.len() as u64);
                left -= n;
                n as usize
            }
        };
        shown += more;
        if more > 0 {
            continue;
        }
        if eof {
            // A connection that was cut off between messages is nobody's fault.
            let missing = match Header::parse(behind) {
                _ if left > 0 => Some(left),
                Ok(Parsed::Missing(n)) if !behind.is_empty() || message.open => Some(n as u64),
                _ => None,
            };
            message.give_up(report)?;
            if let Some(missing) = missing {
                ended.clean = false;
                report.other()?.need_more(missing as usize)?;
            }
            break;
        }
        report.flush()?;
        eof = unread.fill(&mut input, cut)? == 0;
    }
    report.flush()?;
    Ok(ended)
}

/// The pieces of a message.
#[derive(Default)]
struct Message {
    kind: Option<Kind>,
    content: Vec<u8>,
    /// It has begun, and not ended.
    open: bool,
}

impl Message {
    fn push(&mut self, kind: Kind, mut data: &[u8], last: bool, report: &mut Report<'_>) -> io::Result<()> {
        self.kind = Some(kind);
        self.open = !last;
        while self.content.len() + data.len() > JOINED {
            let (front, behind) = data.split_at(JOINED - self.content.len());
            self.content.extend_from_slice(front);
            data = behind;
            // Cut between characters, so that text stays text.
            let whole = JOINED - cut_character(&self.content);
            report.other()?.ws_message(kind, &self.content[..whole], false)?;
            self.content.drain(..whole);
        }
        self.content.extend_from_slice(data);
        if last {
            report.other()?.ws_message(kind, &self.content, true)?;
            self.content.clear();
        }
        Ok(())
    }

    /// It has no end.
    fn give_up(&mut self, report: &mut Report<'_>) -> io::Result<()> {
        match self.kind {
            Some(kind) if !self.content.is_empty() => report.other()?.ws_message(kind, &self.content, false),
            _ => Ok(()),
        }
    }
}

/// How a server or a client closes upon this.
pub(super) fn close_code(error: PeerError) -> u16 {
    error.close_code().0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_agreed_may_be_written_with_or_without_its_name() {
        let bits = |params| agreed(params).map(|agreed| agreed.server.max_window_bits);
        assert_eq!(bits("permessage-deflate"), Ok(15));
        assert_eq!(bits(""), Ok(15));
        assert_eq!(bits("server_max_window_bits=8; client_no_context_takeover"), Ok(8));
        assert_eq!(bits("Permessage-Deflate; client_max_window_bits=9"), Ok(15));
        for bad in ["other=1", "permessage-deflate; server_max_window_bits", "a;;b"] {
            assert!(bits(bad).is_err(), "{bad}");
        }
    }
}
