//! Masked messages of a client, received and answered in memory.
//!
//! Every server gets the same bytes from a wire that is always ready and hands the same ones back to it (checked
//! before anything is timed): it unmasks, checks text, and encodes the answer. What each copies is its own affair.

use crate::turns::{Run, medians};
use crate::wire::Wire;
use crate::{avx, peers, text};
use avx_core::ws::mask::Mask;
use std::cell::RefCell;
use std::rc::Rc;

type Server = (&'static str, fn(Wire, usize) -> Run<'static>);

const ONE: [Server; 5] = [
    ("avx", avx::pieces),
    ("whole", avx::whole),
    ("tungstenite", peers::tungstenite),
    ("fastws", peers::fastwebsockets),
    ("yawc", peers::yawc),
];
const MANY: [Server; 5] = [ONE[0], ONE[1], ("tungstenite", peers::tungstenite_batched), ONE[3], ONE[4]];

/// A frame, masked with `key` if there is one.
fn frame(opcode: u8, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let bit = if key.is_some() { 0x80 } else { 0 };
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        0..126 => frame.push(bit | payload.len() as u8),
        126..0x1_0000 => {
            frame.push(bit | 126);
            frame.extend((payload.len() as u16).to_be_bytes());
        }
        _ => {
            frame.push(bit | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(key.iter().flatten());
    let at = frame.len();
    frame.extend(payload);
    if let Some(key) = key {
        Mask::new(key).apply(&mut frame[at..]);
    }
    frame
}

/// The payloads of the frames in `bytes`, fragments joined.
fn messages(name: &str, mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut messages, mut message) = (Vec::new(), Vec::new());
    while let [first, second, rest @ ..] = bytes {
        assert!(second & 0x80 == 0, "{name} masks what a server sends");
        let (len, rest) = match second {
            126 => (u16::from_be_bytes([rest[0], rest[1]]).into(), &rest[2..]),
            127 => (u64::from_be_bytes(rest[..8].try_into().expect("eight")) as usize, &rest[8..]),
            &len => (len.into(), rest),
        };
        message.extend_from_slice(&rest[..len]);
        bytes = &rest[len..];
        if first & 0x80 != 0 {
            messages.push(std::mem::take(&mut message));
        }
    }
    messages
}

struct Case {
    name: &'static str,
    opcode: u8,
    len: usize,
    batch: usize,
}

impl Case {
    fn payload(&self) -> Vec<u8> {
        match self.opcode {
            1 => text::of(self.name, self.len).into_bytes(),
            _ => (0..self.len).map(|i| (i * 31 / 8) as u8).collect(),
        }
    }

    fn wire(&self) -> Vec<u8> {
        frame(self.opcode, Some([0x37, 0xfa, 0x21, 0x3d]), &self.payload()).repeat(self.batch)
    }

    fn check(&self, (name, server): Server) {
        let record = Rc::default();
        server(Wire::recorded(self.wire(), Rc::clone(&record)), self.batch)(2);
        let answers = messages(name, &RefCell::borrow(&record));
        assert_eq!(answers.len(), 2 * self.batch, "{name}");
        assert!(answers.iter().all(|answer| *answer == self.payload()), "{name} answers something else");
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, opcode) in [("binary", 2), ("ascii", 1), ("chat", 1)] {
        for (len, batch) in [(64, 1), (1 << 10, 1), (64 << 10, 1), (1 << 20, 1), (64, 16), (1 << 10, 16)] {
            cases.push(Case { name, opcode, len, batch });
        }
    }
    cases
}

/// One server, one case, that many times.
pub fn run_one(args: &[String]) {
    let [name, kind, len, batch, n] = args else {
        panic!("usage: --echo avx|whole|tungstenite|fastws|yawc binary|ascii|chat BYTES BATCH N")
    };
    let (len, batch) = (len.parse().expect("bytes"), batch.parse().expect("messages a read"));
    let cases = cases();
    let case = cases.iter().find(|case| case.name == kind && (case.len, case.batch) == (len, batch));
    let case = case.expect("a case");
    let servers = if batch == 1 { ONE } else { MANY };
    let (_, server) = servers.iter().find(|(server, _)| server == name).expect("a server");
    server(Wire::new(case.wire()), batch)(n.parse().expect("number of reads"));
}

pub fn print() {
    println!(
        "receive and echo in memory, nanoseconds a message (allocations a message); ratios to the best peer"
    );
    println!(
        "{:<8} {:>8} {:>6} {:>16} {:>6} {:>16} {:>6} {:>16} {:>16} {:>16}",
        "", "bytes", "a read", "avx", "ratio", "whole", "ratio", "tungstenite", "fastws", "yawc"
    );
    for case in cases() {
        let servers = if case.batch == 1 { ONE } else { MANY };
        servers.into_iter().for_each(|server| case.check(server));
        let runs = || servers.map(|(_, server)| server(Wire::new(case.wire()), case.batch));
        let per = case.batch as f64;
        let times = medians(runs()).map(|time| time / per);
        let allocations = runs().map(|mut run| {
            run(8);
            let before = crate::allocations();
            run(256);
            (crate::allocations() - before) as f64 / 256.0 / per
        });
        let best = times[2].min(times[3]).min(times[4]);
        let shown: [String; 5] = std::array::from_fn(|i| format!("{:.1} ({:.1})", times[i], allocations[i]));
        let [avx, whole, tungstenite, fastws, yawc] = &shown;
        println!(
            "{:<8} {:>8} {:>6} {avx:>16} {:>6.2} {whole:>16} {:>6.2} {tungstenite:>16} {fastws:>16} {yawc:>16}",
            case.name,
            case.len,
            case.batch,
            times[0] / best,
            times[1] / best
        );
    }
}
