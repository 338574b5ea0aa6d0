//! Both ends at once, in any order of events: credit is conserved, counts agree, nothing gets stuck.

use super::{Connection, Reader};
use crate::h2::settings::Role;
use crate::h2::stream::NONE;
use crate::http::{Request, Response};
use crate::{
    BodyLen, Config, ErrorCode, Event, Field, Instant, Method, Priority, Recv, Scratch, SliceOutput, Status,
    StreamId,
};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

const NOW: Instant = Instant::from_millis(1000);

/// What one end's user knows of a stream.
#[derive(Default)]
struct Use {
    held: u32,
    to_send: usize,
    answered: bool,
    over: bool,
    ended: bool,
}

struct End {
    connection: Connection,
    input: Vec<u8>,
    scratch: Scratch,
    uses: BTreeMap<u64, Use>,
}

struct Pair {
    ends: [End; 2],
    x: u64,
}

impl Connection {
    /// What always holds between two calls.
    fn check(&self) {
        let in_frame = |slot| match self.reader {
            Reader::Data { slot: of, left, .. } if slot == NONE || of == slot => i64::from(left),
            _ => 0,
        };
        assert_eq!(self.recv.total() + in_frame(NONE), i64::from(self.recv.target()), "connection's credit");
        let (mut held, mut counts) = (0, [0, 0]);
        for slot in self.streams.slots() {
            let stream = &self.streams[slot];
            held += stream.recv.held();
            if !stream.reset {
                let total = stream.recv.total() + in_frame(slot);
                assert_eq!(total, i64::from(stream.recv.target()), "credit of stream {}", stream.id);
            }
            counts[usize::from(self.is_peers(stream.id))] += u32::from(stream.counted);
        }
        assert_eq!(self.recv.held(), held);
        assert_eq!([self.local_count, self.peer_count], counts);
    }
}

impl Pair {
    fn new(seed: u64) -> Self {
        let mut config = Config::default();
        (config.h2.stream_window, config.h2.max_stream_window) = (2000, 20_000);
        (config.h2.max_connection_window, config.h2.connection_window) = (100_000, 65_535);
        (config.h2.resets, config.h2.glitches, config.h2.data_overhead) = (1 << 30, 1 << 30, 1 << 30);
        config.h2.grow_windows = seed % 2 == 0;
        config.h2.max_streams = 5;
        let config = Arc::new(config);
        let end = |role| End {
            connection: Connection::new(config.clone(), role, NOW),
            input: Vec::new(),
            scratch: Scratch::new(),
            uses: BTreeMap::new(),
        };
        Pair { ends: [end(Role::Client), end(Role::Server)], x: seed }
    }

    fn random(&mut self, n: u64) -> u64 {
        self.x = self.x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.x >> 33) % n
    }

    /// One end reads up to `n` bytes.
    fn read(&mut self, who: usize, n: usize) {
        let End { connection, input, scratch, uses } = &mut self.ends[who];
        let n = n.min(input.len());
        let mut at = 0;
        loop {
            let recv = connection.recv(NOW, &mut input[at..n], scratch).unwrap();
            match recv {
                Recv::Event { consumed, event } => {
                    at += consumed;
                    match event {
                        Event::Request { stream, .. } => drop(uses.insert(stream.0, Use::default())),
                        Event::Data { stream, credit, .. } => uses.get_mut(&stream.0).unwrap().held += credit,
                        Event::End { stream, .. } => uses.get_mut(&stream.0).unwrap().ended = true,
                        Event::Reset { stream, .. } => uses.get_mut(&stream.0).unwrap().over = true,
                        _ => {}
                    }
                }
                Recv::NeedMore { consumed, .. } => {
                    at += consumed;
                    break;
                }
                other => panic!("{other:?}"),
            }
            connection.check();
        }
        input.drain(..at);
        connection.check();
    }

    /// One end writes what it has, as far as there is room.
    fn write(&mut self, who: usize, room: usize, write: impl FnOnce(&mut End, &mut SliceOutput<'_>)) {
        let mut memory = vec![0; room];
        let mut out = SliceOutput::new(&mut memory);
        write(&mut self.ends[who], &mut out);
        let n = out.len();
        self.ends[1 - who].input.extend_from_slice(&memory[..n]);
        self.ends[who].connection.check();
    }

    fn transmit(&mut self, who: usize, room: usize) {
        self.write(who, room, |end, out| end.connection.transmit(NOW, out));
    }

    /// A stream in use at this end.
    fn any(&mut self, who: usize) -> Option<u64> {
        let n = self.ends[who].uses.len() as u64;
        if n == 0 {
            return None;
        }
        let i = self.random(n) as usize;
        self.ends[who].uses.keys().nth(i).copied()
    }

    fn step(&mut self) {
        let who = self.random(2) as usize;
        let what = self.random(12);
        let room = [40, 300, 5000, 50_000][self.random(4) as usize];
        let amount = [1, 10, 700, 3000, 30_000][self.random(5) as usize];
        let stream = self.any(who);
        match (what, stream) {
            (0, _) => {
                let n = self.random(40_000) as usize;
                self.read(who, n);
            }
            (1 | 2, _) => self.read(who, usize::MAX),
            (3, _) => self.transmit(who, room),
            (4, _) if who == 0 => {
                self.write(0, room, |end, out| {
                    let request = Request {
                        method: Method::Post,
                        target: b"/",
                        authority: b"a",
                        fields: &[Field::new("X", "y")],
                    };
                    let id = end.connection.send_request(NOW, &request, BodyLen::Streaming, false, out);
                    if let Ok(id) = id {
                        end.uses.insert(id.0, Use { to_send: amount, answered: true, ..Use::default() });
                    }
                });
            }
            (4, Some(id)) => self.write(1, room, |end, out| {
                let ok = Response::new(Status::OK, &[]);
                let sent = end.connection.send_response(NOW, StreamId(id), &ok, BodyLen::Streaming, &[], out);
                if sent.is_ok() {
                    let used = end.uses.get_mut(&id).unwrap();
                    (used.answered, used.to_send) = (true, amount);
                }
            }),
            (5..=7, Some(id)) => self.write(who, room, |end, out| send(end, id, out)),
            (8 | 9, Some(id)) => {
                let end = &mut self.ends[who];
                let used = end.uses.get_mut(&id).unwrap();
                let n = used.held.min(amount as u32);
                used.held -= n;
                end.connection.release(StreamId(id), n);
                end.connection.check();
            }
            (10, Some(id)) => {
                if self.random(6) == 0 {
                    self.ends[who].connection.reset(NOW, StreamId(id), ErrorCode::CANCEL);
                    self.ends[who].uses.remove(&id);
                }
                self.ends[who].connection.check();
            }
            (11, Some(id)) => {
                let priority = Priority { urgency: self.random(8) as u8, incremental: amount > 10 };
                self.ends[who].connection.set_priority(StreamId(id), priority);
            }
            _ => {}
        }
        self.tidy(who);
    }

    /// Users that are done say so.
    fn tidy(&mut self, who: usize) {
        let End { connection, uses, .. } = &mut self.ends[who];
        uses.retain(|&id, used| {
            if used.over {
                connection.done(NOW, StreamId(id));
                connection.check();
            }
            let complete = used.ended && used.held == 0 && used.answered && used.to_send == usize::MAX;
            !used.over && !complete
        });
    }

    /// Everybody finishes what they began.
    fn finish(&mut self) {
        for round in 0..20_000 {
            for who in [0, 1] {
                self.read(who, usize::MAX);
                self.tidy(who);
                let ids: Vec<u64> = self.ends[who].uses.keys().copied().collect();
                for id in ids {
                    let end = &mut self.ends[who];
                    let used = end.uses.get_mut(&id).unwrap();
                    let n = core::mem::take(&mut used.held);
                    end.connection.release(StreamId(id), n);
                    if !used.answered {
                        self.write(who, 5000, |end, out| {
                            let ok = Response::new(Status::OK, &[]);
                            let id = StreamId(id);
                            end.connection.send_response(NOW, id, &ok, BodyLen::Streaming, &[], out).unwrap();
                            end.uses.get_mut(&id.0).unwrap().answered = true;
                        });
                    }
                    self.write(who, 5000, |end, out| send(end, id, out));
                }
                self.tidy(who);
                self.transmit(who, 5000);
            }
            let quiet = self.ends.iter().all(|end| end.uses.is_empty() && end.input.is_empty());
            if quiet {
                assert!(self.ends.iter().all(|end| end.connection.is_idle()), "round {round}");
                return;
            }
        }
        let left: Vec<_> = self.ends.iter().map(|end| end.uses.keys().collect::<Vec<_>>()).collect();
        panic!("stuck with {left:?}: {:?}", self.ends[0].connection);
    }

    /// With nothing under way, what one end may send is what the other grants.
    fn check_credit(&self) {
        for who in [0, 1] {
            let (sender, receiver) = (&self.ends[who].connection, &self.ends[1 - who].connection);
            let owed = receiver.recv.target() - receiver.recv.held();
            assert!(sender.send.available() * 2 >= owed, "{} of {owed}", sender.send.available());
            assert_eq!(receiver.recv.held(), 0);
        }
    }
}

/// Sends some of what is left to send, or the end.
fn send(end: &mut End, id: u64, out: &mut SliceOutput<'_>) {
    let used = end.uses.get_mut(&id).unwrap();
    if !used.answered || used.to_send == usize::MAX {
        return;
    }
    if used.to_send > 0 {
        let content = vec![b'x'; used.to_send];
        if let Ok(n) = end.connection.send_data(NOW, StreamId(id), &content, out) {
            used.to_send -= n;
        }
        end.connection.wants_write(StreamId(id), used.to_send > 0);
    } else if end.connection.send_end(NOW, StreamId(id), &[], out).is_ok() {
        used.to_send = usize::MAX;
    }
}

#[test]
fn rfc9113_6_9_no_order_of_events_loses_credit_or_gets_stuck() {
    for seed in 0..1000 {
        let mut pair = Pair::new(seed);
        for _ in 0..600 {
            pair.step();
        }
        pair.finish();
        pair.check_credit();
    }
}

#[test]
fn rfc9113_6_9_2_what_our_settings_grant_to_open_streams_is_not_granted_again() {
    let mut config = Config::default();
    (config.h2.stream_window, config.h2.connection_window) = (1 << 20, 4 << 20);
    let mut client = Connection::new(Arc::new(config), Role::Client, NOW);
    let request = Request { method: Method::Get, target: b"/", authority: b"a", fields: &[] };
    let (mut out, mut scratch) = (Vec::new(), Scratch::new());
    let stream = client.send_request(NOW, &request, BodyLen::Empty, false, &mut out).expect("a stream");
    let slot = client.slot(stream).expect("its slot");
    client.note_update(slot);
    assert!(!client.streams[slot].update_due);
    let mut input = *b"\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0";
    let at = match client.recv(NOW, &mut input, &mut scratch) {
        Ok(Recv::Event { consumed, .. }) => consumed,
        other => panic!("{other:?}"),
    };
    client.recv(NOW, &mut input[at..], &mut scratch).expect("an acknowledgement");
    assert_eq!((client.streams[slot].recv.target(), client.streams[slot].recv.total()), (1 << 20, 1 << 20));
    client.note_update(slot);
    assert!(!client.streams[slot].update_due);
}
