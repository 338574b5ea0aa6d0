//! Plays a case in every manner: whole, cut everywhere, the end announced early, through a session.

use super::bare::Bare;
use super::call::Call;
use super::format::{Action, Case, Role, Speaks};
use super::frames::Reader;
use super::render::Log;
use super::seated::Seated;
use super::{diff, text, ws};
use crate::h2::frames::{PREFACE, settings, settings_ack};
use avx_core::{any, h1, h2};

/// Something a case can be played to.
pub(super) trait Subject {
    /// Bytes arrive.
    fn feed(&mut self, bytes: &[u8]);
    /// The last bytes arrive, and their end is known before they are looked at.
    fn eof(&mut self, with: &[u8]);
    /// The user calls.
    fn call(&mut self, call: &Call);
    /// What happened since the last time: events, bytes written, and breaches of the contract.
    fn observe(&mut self) -> (Log, Vec<u8>, String);
}

/// How the input of a case is cut.
#[derive(Clone, Copy)]
enum Cut {
    /// Each `in` block at once, its end announced apart.
    Whole,
    /// Each `in` block at once, with its end.
    WithEnd,
    /// Byte by byte.
    Bytes,
    /// In two, each `in` block at this place if it is as long.
    At(usize),
}

/// Inputs longer than this are not cut at every byte, but at the ends and here and there.
const LONG: usize = 1200;

/// Plays the case in every manner.
///
/// # Errors
/// The first difference.
pub(super) fn check(case: &Case) -> Result<(), String> {
    let longest = case.steps.iter().map(|s| if let Action::In(b, _) = &s.action { b.len() } else { 0 }).max();
    let longest = longest.unwrap_or(0);
    play(case, &mut *bare(case), Cut::Whole).map_err(|e| format!("  (whole)\n{e}"))?;
    play(case, &mut *bare(case), Cut::WithEnd).map_err(|e| format!("  (whole, with its end)\n{e}"))?;
    play(case, &mut *bare(case), Cut::Bytes).map_err(|e| format!("  (byte by byte)\n{e}"))?;
    play(case, &mut *seated(case), Cut::Whole).map_err(|e| format!("  (session, whole)\n{e}"))?;
    play(case, &mut *seated(case), Cut::Bytes).map_err(|e| format!("  (session, byte by byte)\n{e}"))?;
    if let Some(subject) = versatile(case, false) {
        play(case, &mut *greeted(case, subject), Cut::Whole)
            .map_err(|e| format!("  (any version, whole)\n{e}"))?;
    }
    if let Some(subject) = versatile(case, true) {
        play(case, &mut *greeted(case, subject), Cut::Bytes)
            .map_err(|e| format!("  (any version, session, byte by byte)\n{e}"))?;
    }
    for at in 1..longest {
        if longest <= LONG || at < 64 || at + 64 > longest || at % 4001 == 0 {
            play(case, &mut *bare(case), Cut::At(at)).map_err(|e| format!("  (cut at {at})\n{e}"))?;
        }
    }
    Ok(())
}

/// Replaces what the case expects with what is observed.
pub(super) fn bless(case: &mut Case) {
    let (mut subject, mut reader) = (bare(case), Reader::new());
    for step in &mut case.steps {
        act(&mut *subject, &step.action, Cut::Whole);
        let (log, out, faults) = subject.observe();
        assert!(faults.is_empty(), "{}: {faults}", case.title);
        step.events = log.lines(&step.events);
        step.frames = match case.speaks {
            Speaks::WebSocket => ws::lines(&out, case.role),
            _ => reader.lines(&out),
        };
        step.out = out;
    }
}

fn bare(case: &Case) -> Box<dyn Subject> {
    greeted(
        case,
        match (case.speaks, case.role) {
            (Speaks::Http1, Role::Server) => Box::new(Bare::new(h1::Server::new, case)),
            (Speaks::Http1, Role::Client) => Box::new(Bare::new(h1::Client::new, case)),
            (Speaks::Http2, Role::Server) => Box::new(Bare::new(h2::Server::new, case)),
            (Speaks::Http2, Role::Client) => Box::new(Bare::new(h2::Client::new, case)),
            (Speaks::WebSocket, _) => ws::bare(case),
        },
    )
}

fn seated(case: &Case) -> Box<dyn Subject> {
    greeted(
        case,
        match (case.speaks, case.role) {
            (Speaks::Http1, Role::Server) => Box::new(Seated::new(h1::Server::new, case)),
            (Speaks::Http1, Role::Client) => Box::new(Seated::new(h1::Client::new, case)),
            (Speaks::Http2, Role::Server) => Box::new(Seated::new(h2::Server::new, case)),
            (Speaks::Http2, Role::Client) => Box::new(Seated::new(h2::Client::new, case)),
            (Speaks::WebSocket, _) => ws::seated(case),
        },
    )
}

/// The machine for both versions, which has to do the same, unless it is about which version is spoken.
fn versatile(case: &Case, seated: bool) -> Option<Box<dyn Subject>> {
    macro_rules! subject {
        ($new:expr) => {{
            let subject: Box<dyn Subject> =
                if seated { Box::new(Seated::new($new, case)) } else { Box::new(Bare::new($new, case)) };
            Some(subject)
        }};
    }
    let begins_as_http2 = case
        .steps
        .iter()
        .any(|step| matches!(&step.action, Action::In(bytes, _) if bytes.starts_with(PREFACE)));
    match (case.speaks, case.role) {
        (Speaks::Http1, Role::Server) if begins_as_http2 => None,
        (Speaks::Http1, Role::Server) => subject!(any::Server::new),
        (Speaks::Http1, Role::Client) => subject!(any::Client::http1),
        // The greeting says which version it is.
        (Speaks::Http2, Role::Server) if case.greeted => subject!(any::Server::new),
        (Speaks::Http2, Role::Server) => subject!(any::Server::http2),
        (Speaks::Http2, Role::Client) => subject!(|config, now| any::Client::http2(config, now, false)),
        (Speaks::WebSocket, _) => None,
    }
}

/// The subject behind the exchange of prefaces, if that is not the case's concern.
fn greeted(case: &Case, mut subject: Box<dyn Subject>) -> Box<dyn Subject> {
    if case.greeted {
        subject.feed(&[]);
        let preface = if case.role == Role::Server { PREFACE } else { &[] };
        subject.feed(&[preface, &settings(&[]), &settings_ack()].concat());
        subject.observe();
    }
    subject
}

fn play(case: &Case, subject: &mut dyn Subject, cut: Cut) -> Result<(), String> {
    let mut reader = Reader::new();
    for (i, step) in case.steps.iter().enumerate() {
        act(subject, &step.action, cut);
        let (log, out, faults) = subject.observe();
        let events = log.lines(&step.events);
        let mut report = faults;
        if events != step.events {
            report.push_str(&format!("  events:\n{}", diff::lines(&step.events, &events)));
        }
        if case.speaks == Speaks::Http2 {
            let (mut expected, mut observed) = (&step.frames[..], &reader.lines(&out)[..]);
            if !matches!(cut, Cut::Whole) && events.iter().any(|event| event.starts_with("error ")) {
                // What had left before the error depends on when it was written: the goodbye is the last.
                expected = &expected[expected.len().saturating_sub(1)..];
                observed = &observed[observed.len().saturating_sub(1)..];
            }
            if expected != observed {
                report.push_str(&format!("  out:\n{}", diff::lines(expected, observed)));
            }
        } else if case.speaks == Speaks::WebSocket {
            let (expected, observed) = (&step.frames[..], &ws::lines(&out, case.role)[..]);
            if expected != observed {
                report.push_str(&format!("  out:\n{}", diff::lines(expected, observed)));
            }
        } else if out != step.out {
            let (expected, observed) = (text::escape_block(&step.out), text::escape_block(&out));
            report.push_str(&format!("  out:\n{}", diff::lines(&expected, &observed)));
        }
        if !report.is_empty() {
            return Err(format!("  step {}:\n{report}", i + 1));
        }
    }
    Ok(())
}

fn act(subject: &mut dyn Subject, action: &Action, cut: Cut) {
    let (bytes, eof) = match action {
        Action::In(bytes, eof) => (&bytes[..], *eof),
        Action::Calls(calls) => return calls.iter().for_each(|call| subject.call(call)),
    };
    match cut {
        Cut::WithEnd if eof => return subject.eof(bytes),
        Cut::Whole | Cut::WithEnd => subject.feed(bytes),
        Cut::Bytes => bytes.chunks(1).for_each(|b| subject.feed(b)),
        Cut::At(at) => {
            let (front, back) = bytes.split_at(at.min(bytes.len()));
            subject.feed(front);
            subject.feed(back);
        }
    }
    if eof {
        subject.eof(&[]);
    }
}
