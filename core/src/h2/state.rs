//! The states of a stream (RFC 9113, section 5.1), as a table.
//!
//! ```text
//!                          idle        reserved    reserved    open        half-closed half-closed closed
//!                                      (local)     (remote)                (local)     (remote)
//! recv HEADERS             open        error       h-c local   .           .           CLOSED      CLOSED
//! recv DATA                idle error  error       error       .           .           CLOSED      CLOSED
//! recv END_STREAM          error       error       error       h-c remote  closed      CLOSED      CLOSED
//! ...
//! ```
//!
//! The end of a stream is an input of its own: "the END_STREAM flag is processed as a separate event to
//! the frame that bears it". What may still arrive on a stream that this end has reset is the
//! connection's concern, which alone knows that.

use crate::PeerError;

/// The state of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Idle,
    ReservedLocal,
    ReservedRemote,
    Open,
    HalfClosedLocal,
    HalfClosedRemote,
    Closed,
}

/// What happens to it. The table has a row for each, also for what needs no looking up.
#[allow(dead_code)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    RecvHeaders,
    RecvData,
    RecvEnd,
    RecvReset,
    RecvWindowUpdate,
    RecvPriority,
    /// PUSH_PROMISE on this stream.
    RecvPush,
    /// PUSH_PROMISE that promises this stream.
    RecvPromised,
    SendHeaders,
    SendData,
    SendEnd,
    SendReset,
    SendPush,
    SendPromised,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    To(State),
    /// The peer must not do this.
    Error(PeerError),
    /// This end must not do this: nothing is sent.
    Misuse,
}

use Next::{Error, Misuse, To};
use PeerError::{BadStreamId, ClosedStream, IdleStream, UnexpectedFrame};
use State::{Closed, HalfClosedLocal, HalfClosedRemote, Idle, Open, ReservedLocal, ReservedRemote};

/// Rows as [`Input`], columns as [`State`].
#[rustfmt::skip]
const TABLE: [[Next; 7]; 14] = [
    // RecvHeaders. "Receiving any frame other than HEADERS or PRIORITY on a stream in this state MUST be
    // treated as a connection error of type PROTOCOL_ERROR." (idle); "If an endpoint receives additional
    // frames, other than WINDOW_UPDATE, PRIORITY, or RST_STREAM, for a stream that is in this state, it MUST
    // respond with a stream error of type STREAM_CLOSED." (half-closed (remote)), and "an endpoint MAY choose
    // to treat a stream error as a connection error" (section 5.4.1), which no honest peer ever meets.
    [To(Open), Error(UnexpectedFrame), To(HalfClosedLocal), To(Open), To(HalfClosedLocal), Error(ClosedStream), Error(ClosedStream)],
    // RecvData. "Receiving any type of frame other than RST_STREAM, PRIORITY, or WINDOW_UPDATE on a stream in
    // this state MUST be treated as a connection error of type PROTOCOL_ERROR." (reserved (local)), and
    // likewise for reserved (remote).
    [Error(IdleStream), Error(UnexpectedFrame), Error(UnexpectedFrame), To(Open), To(HalfClosedLocal), Error(ClosedStream), Error(ClosedStream)],
    // RecvEnd
    [Error(IdleStream), Error(UnexpectedFrame), Error(UnexpectedFrame), To(HalfClosedRemote), To(Closed), Error(ClosedStream), Error(ClosedStream)],
    // RecvReset. "RST_STREAM frames MUST NOT be sent for a stream in the "idle" state."
    [Error(IdleStream), To(Closed), To(Closed), To(Closed), To(Closed), To(Closed), To(Closed)],
    // RecvWindowUpdate. "a receiver could receive a WINDOW_UPDATE frame on a stream in a "half-closed (remote)"
    // or "closed" state. A receiver MUST NOT treat this as an error" (section 6.9)
    [Error(IdleStream), To(ReservedLocal), Error(UnexpectedFrame), To(Open), To(HalfClosedLocal), To(HalfClosedRemote), To(Closed)],
    // RecvPriority. "Note that PRIORITY can be sent and received in any stream state."
    [To(Idle), To(ReservedLocal), To(ReservedRemote), To(Open), To(HalfClosedLocal), To(HalfClosedRemote), To(Closed)],
    // RecvPush. "A receiver MUST treat the receipt of a PUSH_PROMISE on a stream that is neither "open" nor
    // "half-closed (local)" as a connection error of type PROTOCOL_ERROR." (section 6.6)
    [Error(IdleStream), Error(UnexpectedFrame), Error(UnexpectedFrame), To(Open), To(HalfClosedLocal), Error(UnexpectedFrame), Error(UnexpectedFrame)],
    // RecvPromised. "an illegal stream identifier is an identifier for a stream that is not currently in the
    // "idle" state" (section 6.6)
    [To(ReservedRemote), Error(BadStreamId), Error(BadStreamId), Error(BadStreamId), Error(BadStreamId), Error(BadStreamId), Error(BadStreamId)],
    // SendHeaders. "HEADERS frames can be sent on a stream in the "idle", "reserved (local)", "open", or
    // "half-closed (remote)" state." (section 6.2)
    [To(Open), To(HalfClosedRemote), Misuse, To(Open), Misuse, To(HalfClosedRemote), Misuse],
    // SendData. "can only be sent when a stream is in the "open" or "half-closed (remote)" state" (section 6.1)
    [Misuse, Misuse, Misuse, To(Open), Misuse, To(HalfClosedRemote), Misuse],
    // SendEnd
    [Misuse, Misuse, Misuse, To(HalfClosedLocal), Misuse, To(Closed), Misuse],
    // SendReset
    [Misuse, To(Closed), To(Closed), To(Closed), To(Closed), To(Closed), Misuse],
    // SendPush. "A sender MUST NOT send a PUSH_PROMISE on a stream unless that stream is either "open" or
    // "half-closed (remote)"" (section 6.6)
    [Misuse, Misuse, Misuse, To(Open), Misuse, To(HalfClosedRemote), Misuse],
    // SendPromised
    [To(ReservedLocal), Misuse, Misuse, Misuse, Misuse, Misuse, Misuse],
];

impl State {
    /// What follows when `input` happens in this state.
    #[inline]
    pub(super) const fn next(self, input: Input) -> Next {
        TABLE[input as usize][self as usize]
    }

    /// The peer did this.
    #[inline]
    pub(super) fn recv(&mut self, input: Input) -> Result<(), PeerError> {
        match self.next(input) {
            To(state) => {
                *self = state;
                Ok(())
            }
            Error(error) => Err(error),
            Misuse => Err(UnexpectedFrame),
        }
    }

    /// This end is about to do this. False, and nothing changes, when it must not.
    #[inline]
    pub(super) fn send(&mut self, input: Input) -> bool {
        match self.next(input) {
            To(state) => {
                *self = state;
                true
            }
            Error(_) | Misuse => false,
        }
    }

    /// Whether this end may still send content.
    #[inline]
    pub(super) const fn sends(self) -> bool {
        matches!(self, Open | HalfClosedRemote)
    }

    /// Whether the peer may still send content.
    #[inline]
    pub(super) const fn receives(self) -> bool {
        matches!(self, Open | HalfClosedLocal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    const STATES: [State; 7] =
        [Idle, ReservedLocal, ReservedRemote, Open, HalfClosedLocal, HalfClosedRemote, Closed];

    /// One letter a state, in the order of `STATES`: `i l r o L R c` for where it goes, `P` and `S` for a
    /// connection error of type PROTOCOL_ERROR or STREAM_CLOSED, `-` for what this end must not do.
    fn row(input: Input) -> String {
        let letter = |state: State| match state.next(input) {
            To(state) => b"ilroLRc"[state as usize] as char,
            Error(e) if e.code() == ErrorCode::PROTOCOL_ERROR => 'P',
            Error(e) if e.code() == ErrorCode::STREAM_CLOSED => 'S',
            Error(e) => panic!("{e}"),
            Misuse => '-',
        };
        STATES.into_iter().map(letter).collect()
    }

    use alloc::string::String;

    #[test]
    fn rfc9113_5_1_every_entry_of_the_table() {
        for (input, want) in [
            (Input::RecvHeaders, "oPLoLSS"),
            (Input::RecvData, "PPPoLSS"),
            (Input::RecvEnd, "PPPRcSS"),
            (Input::RecvReset, "Pcccccc"),
            (Input::RecvWindowUpdate, "PlPoLRc"),
            (Input::RecvPriority, "ilroLRc"),
            (Input::RecvPush, "PPPoLPP"),
            (Input::RecvPromised, "rPPPPPP"),
            (Input::SendHeaders, "oR-o-R-"),
            (Input::SendData, "---o-R-"),
            (Input::SendEnd, "---L-c-"),
            (Input::SendReset, "-ccccc-"),
            (Input::SendPush, "---o-R-"),
            (Input::SendPromised, "l------"),
        ] {
            assert_eq!(row(input), want, "{input:?}");
        }
    }

    #[test]
    fn what_a_peer_must_not_do_changes_nothing() {
        let mut state = HalfClosedRemote;
        assert_eq!(state.recv(Input::RecvData), Err(ClosedStream));
        assert_eq!(state, HalfClosedRemote);
        assert!(!state.send(Input::SendPromised));
        assert!(state.send(Input::SendEnd));
        assert_eq!(state, Closed);
    }
}
