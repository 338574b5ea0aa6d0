//! Memory of WebSocket: nothing is allocated for messages, nothing a peer sends makes a connection hold more than
//! its limits say, and idle connections hold next to nothing.

mod counting;
mod ws_support;

use avx_core::ws::key::MaskKeys;
use avx_core::ws::{Client, Event, Kind, Server};
use avx_core::{Config, Scratch, Session};
use counting::{HELD, allocations, peak};
use std::sync::Arc;
use ws_support::*;

/// A client and a server in sessions; the server sends back what it gets.
struct Pipe {
    client: Session<Client>,
    server: Session<Server>,
    scratch: Scratch,
    echoed: usize,
    config: Arc<Config>,
}

impl Pipe {
    fn new() -> Self {
        let config = Arc::new(Config::default());
        Pipe {
            client: Session::new(Client::new(config.clone(), NOW, MaskKeys::new([1; 32])), &config),
            server: Session::new(Server::new(config.clone(), NOW), &config),
            scratch: Scratch::new(),
            echoed: 0,
            config,
        }
    }

    fn send(&mut self, kind: Kind, data: &[u8], last: bool) {
        let (m, out) = self.client.parts(&mut self.scratch);
        m.send(NOW, kind, data, last, out).unwrap();
        self.run();
    }

    fn run(&mut self) {
        loop {
            let up = self.client.write_buf().len();
            self.server.read_from(NOW, &mut self.scratch, self.client.write_buf());
            self.client.did_write(NOW, up);
            while let Some(turn) = self.server.turn(NOW, &mut self.scratch).unwrap() {
                if let Event::Data { kind, data, last } = turn.event {
                    turn.machine.send(NOW, kind, data, last, turn.out).unwrap();
                }
            }
            let down = self.server.write_buf().len();
            self.client.read_from(NOW, &mut self.scratch, self.server.write_buf());
            self.server.did_write(NOW, down);
            while let Some(turn) = self.client.turn(NOW, &mut self.scratch).unwrap() {
                if let Event::Data { data, .. } = turn.event {
                    self.echoed += data.len();
                }
            }
            if up + down == 0 && self.client.write_buf().is_empty() {
                break;
            }
        }
        self.client.rest(&mut self.scratch);
        self.server.rest(&mut self.scratch);
    }

    fn round(&mut self) {
        for text in ["", "hello", "Ελλάδα"] {
            self.send(Kind::Text, text.as_bytes(), true);
        }
        for len in [1000, 40_000] {
            self.send(Kind::Binary, &[b'x'; 40_000][..len], true);
        }
        for i in 0..10 {
            self.send(Kind::Text, b"piece", i == 9);
        }
        let (m, out) = self.client.parts(&mut self.scratch);
        m.ping(NOW, b"are you there", out).unwrap();
        self.run();
    }
}

#[test]
fn warm_ends_allocate_nothing() {
    let mut pipe = Pipe::new();
    pipe.round();
    assert_eq!(allocations(|| (0..10).for_each(|_| pipe.round())), 0);
    assert_eq!(pipe.echoed, 11 * (5 + 12 + 41_000 + 50));
}

#[test]
fn a_fresh_connection_allocates_nothing_before_the_first_ping() {
    let mut pipe = Pipe::new();
    pipe.round();
    let config = Arc::new(Config::default());
    let mut scratch = std::mem::take(&mut pipe.scratch);
    let frame = masked(TEXT, b"hello");
    let ping = masked(PING, b"p");
    let mut session = Session::new(Server::new(config.clone(), NOW), &config);
    let mut serve = |wire: &[u8]| {
        allocations(|| {
            session.read_from(NOW, &mut scratch, wire);
            while session.turn(NOW, &mut scratch).unwrap().is_some() {}
            let n = session.write_buf().len();
            session.did_write(NOW, n);
            session.rest(&mut scratch);
        })
    };
    assert_eq!([serve(&frame), serve(&ping), serve(&ping)], [0, 1, 0]);
}

#[test]
fn an_idle_connection_holds_no_buffer_and_fits_into_half_a_kilobyte() {
    let mut pipe = Pipe::new();
    pipe.round();
    assert!(size_of::<Session<Server>>() <= 384, "{}", size_of::<Session<Server>>());
    assert!(size_of::<Session<Client>>() <= 512, "{}", size_of::<Session<Client>>());
    let before = HELD.get();
    let (server, client) = (pipe.server, pipe.client);
    drop((server, client));
    // The room for the latest ping, of the server alone.
    assert_eq!(before - HELD.get(), 126);
    drop(pipe.config);
}

#[test]
fn no_input_makes_a_connection_hold_more_than_its_limits_say() {
    let inputs: Vec<Vec<u8>> = vec![
        b"\x82\xff\x00\x00\x00\x00\x01\x00\x00\x00\0\0\0\0".to_vec(),
        masked(BINARY, &vec![b'x'; 4 << 20]),
        [masked(2, b""), masked(0, b"x").repeat(200_000)].concat(),
        masked(PING, &[b'p'; 125]).repeat(900),
        masked(TEXT, b"x").repeat(200_000),
        masked(TEXT, b"").repeat(200_000),
        [masked(1, b""), masked(0, b"").repeat(90)].concat(),
    ];
    for (i, input) in inputs.iter().enumerate() {
        let held = peak(|| {
            let config = Config::default();
            let mut session = Session::new(Server::new(Arc::new(config), NOW), &config);
            let mut scratch = Scratch::new();
            for piece in input.chunks(10_000) {
                session.read_from(NOW, &mut scratch, piece);
                while session.turn(NOW, &mut scratch).unwrap().is_some() {}
            }
        });
        // A buffer of input, one of output, the machine.
        assert!(held <= (130 << 10), "input {i} makes a connection hold {held} bytes");
    }
}

#[cfg(feature = "deflate")]
mod deflate {
    use super::*;
    use avx_core::ws::Deflate;
    use avx_core::ws::extension::agree;

    fn machine(config: &Arc<Config>, deflate: &Deflate) -> Server {
        let offer = b"permessage-deflate; client_max_window_bits";
        Server::new(config.clone(), NOW).with_deflate(&agree([&offer[..]], deflate).unwrap())
    }

    /// Sends a compressed message.
    fn send(m: &mut Server, out: &mut Vec<u8>) {
        out.clear();
        m.send_compressed(NOW, Kind::Text, &[b'x'; 600], true, out).unwrap();
        assert!(out.len() < 50);
    }

    /// Receives one.
    fn receive(m: &mut Server, scratch: &mut Scratch) {
        use avx_core::{Machine, Recv};
        let mut input = [TEXT | RSV1, 0x87, 0, 0, 0, 0, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let got = m.recv(NOW, &mut input, scratch).unwrap();
        let Recv::Event { event: Event::Data { data, last: true, .. }, .. } = got else { panic!("{got:?}") };
        assert_eq!(data, b"Hello");
    }

    fn round(m: &mut Server, scratch: &mut Scratch, out: &mut Vec<u8>) {
        send(m, out);
        receive(m, scratch);
    }

    #[test]
    fn contexts_are_made_when_they_are_needed_and_cost_what_is_said() {
        let (mut scratch, mut out) = (Scratch::new(), Vec::with_capacity(10_000));
        let config = Arc::default();
        round(&mut machine(&config, &Deflate::default()), &mut scratch, &mut out);
        let before = HELD.get();
        let mut m = machine(&config, &Deflate::default());
        assert!(HELD.get() - before < 320, "{}", HELD.get() - before);
        receive(&mut m, &mut scratch);
        let inflating = HELD.get() - before;
        assert!((40 << 10..56 << 10).contains(&inflating), "{inflating}");
        send(&mut m, &mut out);
        let compressing = HELD.get() - before - inflating;
        assert!((140 << 10..170 << 10).contains(&compressing), "{compressing}");
        assert_eq!(allocations(|| round(&mut m, &mut scratch, &mut out)), 0);
    }

    #[test]
    fn without_context_take_over_an_idle_connection_can_do_without_contexts() {
        use avx_core::Machine;
        let mut deflate = Deflate::default();
        (deflate.take_over, deflate.peer_take_over) = (false, false);
        let (mut scratch, mut out) = (Scratch::new(), Vec::with_capacity(10_000));
        let config = Arc::default();
        round(&mut machine(&config, &deflate), &mut scratch, &mut out);
        let before = HELD.get();
        let mut m = machine(&config, &deflate);
        round(&mut m, &mut scratch, &mut out);
        m.handle_timeout(NOW + std::time::Duration::from_secs(30));
        assert!(HELD.get() - before < 320, "{}", HELD.get() - before);
    }

    /// Also where no ping finds it idle: pings are off, or its user receives nothing for now.
    #[test]
    fn an_idle_connection_holds_no_compressor() {
        use avx_core::Machine;
        use std::time::Duration;

        let seconds = |n| NOW + Duration::from_secs(n);
        for (keep_alive, held) in [(0, false), (0, true), (3600, true)] {
            let mut config = Config::default();
            config.ws.keep_alive = Duration::from_secs(keep_alive);
            let mut m = machine(&Arc::new(config), &Deflate::default());
            if held {
                m.hold(NOW);
            }
            assert_eq!(m.poll_timeout(), None);
            let (mut out, before) = (Vec::with_capacity(10_000), HELD.get());
            let mut send = |m: &mut Server, now, last| {
                out.clear();
                m.send_compressed(now, Kind::Text, &[b'x'; 600], last, &mut out).unwrap();
            };
            // In use: it is looked at, and kept.
            for n in (0..100).step_by(10) {
                send(&mut m, seconds(n), n < 90);
                m.handle_timeout(seconds(n + 5));
            }
            let taken = HELD.get() - before;
            assert!(taken > 140 << 10, "{taken}");
            // Idle, but within a message.
            assert_eq!(m.poll_timeout(), Some(seconds(120)));
            m.handle_timeout(seconds(120));
            assert_eq!((HELD.get() - before, m.poll_timeout()), (taken, Some(seconds(150))));
            send(&mut m, seconds(121), true);
            m.handle_timeout(seconds(150));
            assert_eq!(HELD.get() - before, taken);
            assert_eq!(m.poll_timeout(), Some(seconds(151)));
            m.handle_timeout(seconds(151));
            assert_eq!((HELD.get() - before, m.poll_timeout()), (0, None), "{keep_alive} {held}");
            // And again.
            send(&mut m, seconds(200), true);
            assert_eq!((HELD.get() - before, m.poll_timeout()), (taken, Some(seconds(230))));
        }
    }
}
