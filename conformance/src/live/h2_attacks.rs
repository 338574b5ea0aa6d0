//! Attacks on HTTP/2 against a live server: each row by its bytes, and those that take time.

use super::{LARGE, Running, Setup, Target, config, is_unharmed, served, until};
use crate::h2::attacks::{self, Attack, Verdict};
use crate::h2::frames::*;
use crate::h2::{Answer, Peer};
use crate::peer::{Ending, PATIENCE};
use avx_core::ErrorCode;
use avx_core::h2::frame::Kind;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(300);
/// The stream on which an attacker that goes on shows it.
const NEXT: u32 = 9001;

/// Exact code and scope; the neighbour on another connection and the next one to come are served.
pub fn h2_every_attack_ends_its_stream_or_its_connection<T: Target>() {
    let server = T::start(&Setup::default());
    let mut neighbour = Neighbour::of(server.addr());
    let attacks = attacks::all();
    for Attack { row, what, wire, verdict } in &attacks {
        let mut peer = Peer::greet(server.addr(), &[]);
        peer.send(wire);
        let told = format!("{row} {what}");
        match *verdict {
            Verdict::Connection(code) => assert_eq!(peer.goodbye(), Some(code), "{told}"),
            Verdict::Stream(stream, code) => {
                let answer = peer.answer(stream);
                assert_eq!((answer.status, answer.reset), (0, Some(code)), "{told}");
            }
            Verdict::Status(stream, status) => {
                let answer = peer.answer(stream);
                assert_eq!((answer.status, answer.ended), (status, true), "{told}");
            }
            Verdict::Harmless => {}
        }
        if !matches!(verdict, Verdict::Connection(_)) {
            peer.send(headers(NEXT, END_STREAM, &request("HEAD", "/nothing", &[])));
            let answer = peer.answer(NEXT);
            let refused = answer.reset == Some(ErrorCode::REFUSED_STREAM);
            assert!(answer.status == 404 || refused && is_full(wire), "{told}: {answer:?}");
            assert_eq!(peer.inbox.goodbyes, [], "{told}");
        }
        neighbour.is_served(&told);
    }
    drop(neighbour);
    is_unharmed(&server);
    until("all are let go of", || server.connections() == 0);
    assert!(attacks.len() > 110, "only {} attacks", attacks.len());
}

/// Whether the attack leaves as many streams open as are allowed.
fn is_full(wire: &[u8]) -> bool {
    wire.len() > 100 * 20 && wire.windows(4).any(|w| w == [0, 0, 0, 199])
}

/// Attacks H2-04, H2-05 and H2-19: what is sent for ever ends, whether the answers are read or not.
pub fn h2_floods_end<T: Target>() {
    let server = T::start(&config(|c| {
        c.timeouts.write_stall = Duration::from_secs(1);
        c.timeouts.linger = SHORT;
    }));
    let mut neighbour = Neighbour::of(server.addr());
    let floods: [(&str, Vec<u8>, Vec<u8>); 6] = [
        ("H2-04 PING", Vec::new(), ping(0, b"12345678").repeat(3000)),
        ("H2-04 SETTINGS", Vec::new(), settings(&[(4, 65_535)]).repeat(3000)),
        ("H2-04 RST_STREAM of one", [get(1, "/")].concat(), reset(1, ErrorCode::CANCEL).repeat(3000)),
        ("H2-05 empty DATA", post(1, "/"), { data(1, 0, b"").repeat(3000) }),
        ("H2-19 unknown frames", Vec::new(), frame(Kind(0xee), 0, 0, &[0; 1000]).repeat(100)),
        ("H2-04 WINDOW_UPDATE of one", [get(1, "/")].concat(), window_update(0, 0).repeat(10)),
    ];
    for (what, first, more) in &floods {
        let mut peer = Peer::greet(server.addr(), &[]);
        peer.polite = false;
        peer.send(first);
        let begun = Instant::now();
        // Without reading anything.
        while peer.try_send(more).is_ok() {
            assert!(begun.elapsed() < PATIENCE, "{what} goes on for ever");
        }
        neighbour.is_served(what);
    }
    drop(neighbour);
    until("all are let go of", || server.connections() == 0);
}

/// Attack H2-03: a block that is never complete.
pub fn h2_a_slow_block_ends_in_calm<T: Target>() {
    let server = T::start(&config(|c| c.timeouts.head = SHORT));
    let mut peer = Peer::greet(server.addr(), &[]);
    peer.send(frame(Kind::HEADERS, END_STREAM, 1, &request("GET", "/", &[])));
    assert_eq!(peer.goodbye(), Some(ErrorCode::ENHANCE_YOUR_CALM));
    is_unharmed(&server);
}

/// Attack H2-16: "an endpoint that does not receive an acknowledgment".
pub fn h2_settings_nobody_acknowledges_end_the_connection<T: Target>() {
    let server = T::start(&config(|c| c.h2.settings_timeout = SHORT));
    let mut peer = Peer::connect(server.addr());
    peer.polite = false;
    peer.send([PREFACE, &settings(&[])].concat());
    assert_eq!(peer.goodbye(), Some(ErrorCode::SETTINGS_TIMEOUT));
    is_unharmed(&server);
}

/// Attack H2-06: responses that a closed window keeps.
pub fn h2_a_window_that_stays_closed_gives_its_stream_up<T: Target>() {
    let server = T::start(&config(|c| c.h2.window_stall = SHORT));
    let mut peer = Peer::greet(server.addr(), &[(4, 0)]);
    peer.send((0..50).flat_map(|i| get(2 * i + 1, "/large")).collect::<Vec<u8>>());
    for i in 0..50 {
        let answer = peer.answer(2 * i + 1);
        assert_eq!(answer.reset, Some(ErrorCode::ENHANCE_YOUR_CALM), "{i}");
        assert!(answer.content.is_empty());
    }
    // The connection goes on: this takes no window.
    peer.send(headers(NEXT, END_STREAM, &request("HEAD", "/", &[])));
    assert_eq!(peer.answer(NEXT).status, 200);
    is_unharmed(&server);
}

/// Attack H2-06: the window of the connection, with those of the streams wide open.
pub fn h2_a_connection_window_that_stays_closed_ends_the_connection<T: Target>() {
    let server = T::start(&config(|c| c.h2.window_stall = SHORT));
    let mut peer = Peer::greet(server.addr(), &[(4, 0x7fff_ffff)]);
    peer.send(get(1, "/large"));
    assert_eq!(peer.goodbye(), Some(ErrorCode::ENHANCE_YOUR_CALM));
    assert_eq!(peer.inbox.answer(1).content.len(), 65_535);
    is_unharmed(&server);
}

/// Attack H2-15: windows of one byte, and all of the content in the end.
pub fn h2_tiny_windows_are_served<T: Target>() {
    let server = T::start(&Setup::default());
    let mut peer = Peer::greet(server.addr(), &[(4, 1)]);
    let content: Vec<u8> = (0..400u32).map(|i| (i % 251) as u8).collect();
    peer.send([post(1, "/echo"), crate::h2::frames::content(1, &content)].concat());
    for n in 1..content.len() {
        peer.until("the next byte", |inbox| inbox.answer(1).content.len() == n);
        peer.send(window_update(1, 1));
    }
    let answer = peer.answer(1);
    assert!(answer.ended && answer.content == content);
}

/// Attack H2-28.
pub fn h2_another_preface_is_no_connection<T: Target>() {
    let server = T::start(&Setup::default());
    for first in [get(1, "/"), settings_ack(), ping(0, &[0; 8])] {
        let mut peer = Peer::connect(server.addr());
        peer.send([PREFACE, &first].concat());
        assert_eq!(peer.goodbye(), Some(ErrorCode::PROTOCOL_ERROR));
    }
    for nearly in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\rx", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"] {
        let mut peer = crate::peer::Peer::connect(server.addr());
        peer.send(nearly);
        peer.wait_for_the_end();
    }
    is_unharmed(&server);
}

/// A peer that asks for much and never reads.
pub fn h2_a_client_that_never_reads_is_dropped<T: Target>() {
    let server = T::start(&config(|c| c.timeouts.write_stall = SHORT));
    let mut peer = Peer::greet(server.addr(), &[(4, 0x7fff_ffff)]);
    peer.send(window_update(0, 0x7fff_0000));
    peer.send((0..20).flat_map(|i| get(2 * i + 1, "/large")).collect::<Vec<u8>>());
    until("the connection is let go of", || server.connections() == 0);
    assert_eq!(peer.ending(), Ending::Reset);
    is_unharmed(&server);
}

/// Connections torn down in the midst of anything.
pub fn h2_resets_do_no_harm<T: Target>() {
    let server = T::start(&Setup::default());
    let beginnings = [
        get(1, "/large"),
        post(1, "/echo"),
        [post(1, "/echo"), data(1, 0, b"part")].concat(),
        (0..100).flat_map(|i| get(2 * i + 1, "/large")).collect(),
        (0..100)
            .flat_map(|i| [post(2 * i + 1, "/echo"), data(2 * i + 1, 0, &[b'x'; 5000])].concat())
            .collect(),
        PREFACE[..20].to_vec(),
    ];
    for beginning in beginnings.iter().cycle().take(60) {
        let mut peer = Peer::connect(server.addr());
        peer.send([PREFACE, &settings(&[]), beginning].concat());
        // Dropped with bytes to read, where there are any: the system resets.
    }
    is_unharmed(&server);
    until("all are let go of", || server.connections() == 0);
}

/// Somebody who is served all the while, over HTTP/2 and by new connections.
#[derive(Debug)]
pub struct Neighbour {
    peer: Peer,
    next: u32,
    addr: std::net::SocketAddr,
}

impl Neighbour {
    /// Connects.
    #[track_caller]
    pub fn of(addr: std::net::SocketAddr) -> Self {
        Neighbour { peer: Peer::greet(addr, &[]), next: 1, addr }
    }

    /// Asks once.
    #[track_caller]
    pub fn ask(&mut self) -> Answer {
        self.peer.send([get(self.next, "/"), window_update(0, 5)].concat());
        self.peer.answer(self.next);
        self.next += 2;
        self.peer.inbox.forget(self.next - 2)
    }

    /// It is served, and so is whoever comes.
    #[track_caller]
    pub fn is_served(&mut self, what: &str) {
        let answer = self.ask();
        assert_eq!((answer.status, &answer.content[..]), (200, &b"hello"[..]), "beside {what}");
        served(self.addr);
    }
}

/// More than the window of a connection.
const _: () = assert!(LARGE > 65_535);
