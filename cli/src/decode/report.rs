//! What a machine said, as calls; the pieces of one body joined.

use super::frame::Value;
use avx_core::h2::PeerSettings;
use avx_core::h2::frame::Header;
use avx_core::h2::hpack::{DecodeError, Decoded, Section};
use avx_core::ws::{self, CloseCode};
use avx_core::{
    BodyLen, ErrorCode, Event, Fields, PeerError, PrioritySignal, Protocol, RequestHead, ResponseHead,
    Status, StreamId,
};
use std::borrow::Cow;
use std::io;

/// Content held back until its end, at most.
pub(super) const JOINED: usize = 16 << 20;

/// One way to print.
pub(super) trait Printer {
    fn request(&mut self, stream: StreamId, head: &RequestHead<'_>, body: BodyLen) -> io::Result<()>;
    fn response(&mut self, stream: StreamId, head: &ResponseHead<'_>, body: BodyLen) -> io::Result<()>;
    fn informational(&mut self, stream: StreamId, head: &ResponseHead<'_>) -> io::Result<()>;
    fn data(&mut self, stream: StreamId, data: &[u8]) -> io::Result<()>;
    fn end(&mut self, stream: StreamId, trailers: Fields<'_>, dropped: u16) -> io::Result<()>;
    fn reset(&mut self, stream: StreamId, code: ErrorCode) -> io::Result<()>;
    fn push_promise(
        &mut self,
        stream: StreamId,
        promised: StreamId,
        head: &RequestHead<'_>,
    ) -> io::Result<()>;
    fn priority(&mut self, stream: StreamId, signal: PrioritySignal) -> io::Result<()>;
    fn go_away(&mut self, last: StreamId, code: ErrorCode, debug: &[u8]) -> io::Result<()>;
    fn settings(&mut self, settings: &PeerSettings) -> io::Result<()>;
    fn frame(&mut self, header: &Header, members: &[(&str, Value<'_>)]) -> io::Result<()>;
    fn block(&mut self, line: u64, section: &Section, decoded: Decoded, table: usize) -> io::Result<()>;
    fn switched(&mut self, to: Protocol, rest: u64) -> io::Result<()>;
    fn need_more(&mut self, at_least: usize) -> io::Result<()>;
    fn error(&mut self, error: PeerError) -> io::Result<()>;
    fn h2_error(&mut self, error: PeerError) -> io::Result<()>;
    fn stream_error(&mut self, stream: StreamId, code: ErrorCode, answer: Option<Status>) -> io::Result<()>;
    fn block_error(&mut self, line: u64, error: DecodeError) -> io::Result<()>;
    fn ws_message(&mut self, kind: ws::Kind, data: &[u8], last: bool) -> io::Result<()>;
    fn ws_control(&mut self, name: &str, data: &[u8]) -> io::Result<()>;
    fn ws_close(&mut self, code: CloseCode, reason: &str) -> io::Result<()>;
    fn ws_frame(&mut self, header: &ws::frame::Header) -> io::Result<()>;
    fn ws_error(&mut self, error: PeerError) -> io::Result<()>;
    fn flush(&mut self) -> io::Result<()>;
}

/// Joins content and hands everything to a [`Printer`].
pub(super) struct Report<'p> {
    printer: Box<dyn Printer + 'p>,
    stream: StreamId,
    content: Vec<u8>,
}

impl<'p> Report<'p> {
    pub(super) fn new(printer: Box<dyn Printer + 'p>) -> Self {
        Report { printer, stream: StreamId(0), content: Vec::new() }
    }

    /// What a machine reports.
    pub(super) fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        match *event {
            Event::Request { stream, ref head, body } => self.other()?.request(stream, head, body),
            Event::Informational { stream, ref head } => self.other()?.informational(stream, head),
            Event::Response { stream, ref head, body } => self.other()?.response(stream, head, body),
            Event::Data { stream, ref data, .. } => self.data(stream, data),
            Event::End { stream, trailers, dropped } => self.other()?.end(stream, trailers, dropped),
            Event::Reset { stream, code, .. } => self.other()?.reset(stream, code),
            Event::PushPromise { stream, promised, ref head } => {
                self.other()?.push_promise(stream, promised, head)
            }
            Event::Priority { stream, signal } => self.other()?.priority(stream, signal),
            Event::GoAway { last, code, debug } => self.other()?.go_away(last, code, debug),
            Event::SettingsChanged { settings } => self.other()?.settings(&settings),
            // Nothing else happens as these machines are configured.
            _ => Ok(()),
        }
    }

    /// A piece of content.
    fn data(&mut self, stream: StreamId, mut data: &[u8]) -> io::Result<()> {
        if stream != self.stream {
            self.other()?;
            self.stream = stream;
        }
        while !data.is_empty() {
            let n = data.len().min(JOINED - self.content.len());
            self.content.extend_from_slice(&data[..n]);
            data = &data[n..];
            if self.content.len() == JOINED {
                // Cut between characters, so that text stays text.
                let whole = JOINED - cut_character(&self.content);
                self.printer.data(stream, &self.content[..whole])?;
                self.content.drain(..whole);
            }
        }
        Ok(())
    }

    /// The printer, for anything but content; what was joined so far is printed first.
    pub(super) fn other(&mut self) -> io::Result<&mut (dyn Printer + 'p)> {
        if !self.content.is_empty() {
            self.printer.data(self.stream, &self.content)?;
            self.content.clear();
        }
        Ok(self.printer.as_mut())
    }

    /// What was printed so far becomes visible.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.printer.flush()
    }
}

/// The name of a code, or its number.
pub(super) fn code_name(code: ErrorCode) -> Cow<'static, str> {
    code.name().map_or_else(|| format!("{:#x}", code.0).into(), Cow::Borrowed)
}

/// All that a peer has announced, by the names of the RFCs; `None` is no limit.
pub(super) fn settings_list(settings: &PeerSettings) -> [(&'static str, Option<u32>); 8] {
    let limit = |n| (n != u32::MAX).then_some(n);
    [
        ("HEADER_TABLE_SIZE", Some(settings.header_table_size)),
        ("ENABLE_PUSH", Some(settings.enable_push.into())),
        ("MAX_CONCURRENT_STREAMS", limit(settings.max_concurrent_streams)),
        ("INITIAL_WINDOW_SIZE", Some(settings.initial_window_size)),
        ("MAX_FRAME_SIZE", Some(settings.max_frame_size)),
        ("MAX_HEADER_LIST_SIZE", limit(settings.max_header_list_size)),
        ("ENABLE_CONNECT_PROTOCOL", Some(settings.enable_connect_protocol.into())),
        ("NO_RFC7540_PRIORITIES", Some(settings.no_rfc7540_priorities.into())),
    ]
}

/// Length of the incomplete character at the end of otherwise valid UTF-8.
pub(super) fn cut_character(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => bytes.len() - error.valid_up_to(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_falls_between_characters_of_text_and_anywhere_else() {
        assert_eq!(cut_character("abc".as_bytes()), 0);
        assert_eq!(cut_character(&"ab€".as_bytes()[..4]), 2);
        assert_eq!(cut_character(b"ab\xff"), 0);
    }
}
