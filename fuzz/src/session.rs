//! A session does what its machine does.

use crate::machine::answer;
use crate::{NOW, config, options, pieces};
use avx_core::h1::Server;
use avx_core::{Machine, Output, Scratch, Session};
use conformance::drive::{Driver, Seen};

/// A server in a session, beside a bare one.
pub fn session(data: &[u8]) {
    let Some(([bits, step, ways, writes], input)) = options(data) else { return };
    let mut bare = Driver::new(Server::new(config(bits), NOW), NOW);
    bare.feed_with(input, &mut answer(ways));
    assert!(bare.faults.is_empty(), "{:?}", bare.faults);

    let config = config(bits);
    let mut session = Session::new(Server::new(config.clone(), NOW), &config);
    let (mut scratch, mut answer) = (Scratch::new(), answer(ways));
    let (mut seen, mut out, mut error) = (Vec::new(), Vec::new(), None);
    for piece in pieces(input, step) {
        session.read_from(NOW, &mut scratch, piece);
        loop {
            match session.turn(NOW, &mut scratch) {
                Ok(Some(turn)) => {
                    let event = Seen::from(&turn.event);
                    let mut answered = Vec::new();
                    answer(NOW, &event, turn.machine, &mut answered);
                    turn.out.reserve(answered.len()).expect("room").copy_from_slice(&answered);
                    seen.push(event);
                }
                Ok(None) => break,
                Err(e) => {
                    assert!(error.is_none_or(|first| first == e));
                    error = Some(e);
                    break;
                }
            }
            // The output leaves in pieces.
            let n = session.write_buf().len().min(usize::from(writes));
            out.extend_from_slice(&session.write_buf()[..n]);
            session.did_write(NOW, n);
        }
        session.rest(&mut scratch);
    }
    out.extend_from_slice(session.write_buf());
    let left = session.write_buf().len();
    session.did_write(NOW, left);

    assert_eq!(joined(seen), joined(bare.seen));
    assert_eq!(out, bare.out);
    assert_eq!(error, bare.error);
    assert_eq!(session.switched(), bare.switched);
    // After an error, a session reads on for a shorter time than a machine would.
    let closed = session.is_closed();
    assert!(closed == bare.machine.is_closed() || closed && error.is_some());
    if bare.switched.is_some() {
        assert_eq!(session.unread(), bare.input);
    }
}

/// The events with pieces of data joined.
pub(crate) fn joined(seen: Vec<Seen>) -> Vec<Seen> {
    let mut out: Vec<Seen> = Vec::new();
    for seen in seen {
        match (out.last_mut(), seen) {
            (Some(Seen::Data(stream, data)), Seen::Data(of, more)) if *stream == of => data.extend(more),
            (Some(Seen::Extension(stream, data)), Seen::Extension(of, more)) if *stream == of => {
                data.extend(more)
            }
            (_, seen) => out.push(seen),
        }
    }
    out
}
