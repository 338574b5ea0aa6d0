//! Halves of sockets in tasks of their own, interleaved at random, over simulated streams and time.

#[path = "support/sockets.rs"]
mod sockets;
mod support;

use avx_http::client::Protocol;
use avx_http::rt::Runtime;
use avx_http::ws::{self, Event, Receiver, Sender, Socket};
use avx_http::{Request, Router, Server};
use sockets::BOTH;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;
use support::Sim;

/// Numbers that look random, the same ones for a seed.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn fork(&mut self) -> Dice {
        Dice(self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.roll(u64::MAX) | 1)
    }

    fn len(&mut self) -> usize {
        let most = [1, 30, 126, 2000, 17_000, 66_000, 300_000][self.roll(7) as usize];
        self.roll(most) as usize
    }
}

/// Lets the others go first.
async fn pause() {
    let mut yields = true;
    poll_fn(|cx| match std::mem::take(&mut yields) {
        true => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        false => Poll::Ready(()),
    })
    .await;
}

/// The same, but the call that waits is polled once, and then dropped.
async fn once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

fn content(of: u64, i: u64, len: usize) -> Vec<u8> {
    let mut dice = Dice((of << 32 | i).wrapping_mul(0x2545_f491_4f6c_dd1d) | 1);
    // Some of it shrinks, some does not.
    let sides = [2, 256][(i % 2) as usize];
    (0..len).map(|_| dice.roll(sides) as u8).collect()
}

const MESSAGES: u64 = 12;

async fn speak(mut sender: Sender, seed: u64, of: u64) {
    let mut dice = Dice(seed | 1);
    for i in 0..MESSAGES {
        let bytes = content(of, i, dice.len());
        let sums = [&(bytes.len() as u32).to_be_bytes()[..], &[i as u8], &bytes].concat();
        match dice.roll(5) {
            0 => {
                let mut rest = &sums[..];
                while !rest.is_empty() {
                    let n = (1 + dice.len()).min(rest.len());
                    let (piece, more) = rest.split_at(n);
                    rest = more;
                    sender.send_piece(piece.to_vec(), rest.is_empty()).await.unwrap();
                    if dice.roll(2) == 0 {
                        pause().await;
                    }
                }
            }
            1 => {
                // Either all of it or nothing.
                if once(sender.send(sums.clone())).await.is_none() {
                    pause().await;
                    sender.send(sums).await.unwrap();
                }
            }
            2 => {
                sender.ping(b"there?").await.unwrap();
                sender.send_binary(&sums).await.unwrap();
            }
            _ => sender.send(sums).await.unwrap(),
        }
        match dice.roll(6) {
            0 => sender.flush().await.unwrap(),
            1 => pause().await,
            2 => drop(once(sender.flush()).await),
            _ => {}
        }
    }
}

/// The server listens to the end; the client leaves when it has heard everything.
async fn listen(mut receiver: Receiver, seed: u64, of: u64) -> u64 {
    let mut dice = Dice(seed | 1);
    let mut heard = 0;
    let mut partial = Vec::new();
    loop {
        if dice.roll(4) == 0 {
            pause().await;
        }
        let message = match dice.roll(3) {
            _ if !partial.is_empty() => pieces(&mut receiver, &mut partial).await,
            0 => pieces(&mut receiver, &mut partial).await,
            1 => match once(receiver.recv()).await {
                Some(message) => message.unwrap().map(ws::Message::into_vec),
                None => receiver.recv().await.unwrap().map(ws::Message::into_vec),
            },
            _ => receiver.recv().await.unwrap().map(ws::Message::into_vec),
        };
        let Some(message) = message else { return heard };
        let (len, rest) = message.split_first_chunk::<4>().unwrap();
        assert_eq!((u32::from_be_bytes(*len) as usize, u64::from(rest[0])), (rest.len() - 1, heard));
        assert!(rest[1..] == content(of, heard, rest.len() - 1), "{heard}");
        heard += 1;
        if of == 0 && heard == MESSAGES {
            return heard;
        }
    }
}

async fn pieces(receiver: &mut Receiver, partial: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Event::Data { data, last } = receiver.next_event().await.unwrap()? {
            partial.extend_from_slice(&data);
            if last {
                return Some(std::mem::take(partial));
            }
        }
    }
}

/// Uses a socket in one task, or in two, or in this and another.
async fn converse(rt: Sim, socket: Socket, seed: u64, own: u64, end: impl FnOnce(u64) + Send + 'static) {
    let mut dice = Dice(seed | 1);
    let (sender, receiver) = socket.split();
    let speaking = speak(sender, dice.fork().0, own);
    let seed = dice.fork().0;
    let listening = async move { end(listen(receiver, seed, 1 - own).await) };
    match dice.roll(4) {
        0 => {
            rt.spawn(speaking);
            listening.await;
        }
        1 => {
            rt.spawn(listening);
            speaking.await;
        }
        2 => {
            rt.spawn(speaking);
            rt.spawn(listening);
        }
        _ => {
            let (mut speaking, mut listening) = (Box::pin(speaking), Box::pin(listening));
            let (mut speaks, mut listens) = (true, true);
            poll_fn(|cx| {
                speaks = speaks && speaking.as_mut().poll(cx).is_pending();
                listens = listens && listening.as_mut().poll(cx).is_pending();
                if speaks || listens { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
        }
    }
}

/// A server and a client that both speak and listen; the transport takes and gives at random.
fn case(protocol: Protocol, compresses: bool, seed: u64) {
    let sim = Sim::new();
    let ends: Arc<Mutex<Vec<(&str, u64)>>> = Arc::default();
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (server_seed, client_seed) = (dice.fork().0, dice.fork().0);
    let (rt, told) = (sim.clone(), ends.clone());
    let user = move |socket: Socket| {
        let (rt, told) = (rt.clone(), told.clone());
        async move {
            let end = move |heard| told.lock().unwrap().push(("server", heard));
            converse(rt, socket, server_seed, 0, end).await;
        }
    };
    let router = Router::new().get("/", move |request: &Request<'_>| {
        let upgrade = ws::Upgrade::new();
        #[cfg(feature = "deflate")]
        let upgrade = if compresses { upgrade.deflate(ws::Deflate::default()) } else { upgrade };
        upgrade.accept(request, user.clone())
    });
    let server = support::start_with(&sim, Server::new(router).extended_connect(true));
    let options = sockets::options(protocol);
    #[cfg(feature = "deflate")]
    let options = {
        let mut options = options;
        options.deflate = compresses.then(ws::Deflate::default);
        options
    };
    let _ = compresses;
    let (near, wire_near) = support::pair();
    let wire_far = sim.dial().0;
    let connection =
        avx_http::client::Connection::over(&sim, near, avx_http::Peer::Unix, "a", &options.client);
    sim.run();
    // The wire between them is the test's.
    let (near, far) = (support::Remote(wire_near), support::Remote(wire_far));
    let (rt, told) = (sim.clone(), ends.clone());
    sim.spawn(async move {
        let socket = ws::open(&rt.clone(), &connection, "/", &options).await.unwrap();
        let end = move |heard| told.lock().unwrap().push(("client", heard));
        converse(rt, socket, client_seed, 1, end).await;
        drop(connection);
    });
    sim.run();
    let slow = dice.roll(3);
    let (mut to_far, mut to_near) = (Vec::new(), Vec::new());
    let mut idle = 0;
    let (mut near_ended, mut far_ended) = (false, false);
    for remote in [&near, &far] {
        remote.set_window([500, 20_000, usize::MAX][dice.roll(3) as usize]);
    }
    for _ in 0..200_000 {
        let mut any = false;
        for (from, to, held, ended) in
            [(&near, &far, &mut to_far, &mut near_ended), (&far, &near, &mut to_near, &mut far_ended)]
        {
            let come = from.recv();
            any |= !come.is_empty();
            held.extend(come);
            if !held.is_empty() && dice.roll(4) > 0 {
                let most = match slow {
                    0 => usize::MAX,
                    1 => 1 + dice.roll(3000) as usize,
                    _ => 1 + dice.len(),
                };
                let n = most.min(held.len());
                to.send(held.drain(..n).collect::<Vec<u8>>());
            }
            any |= !held.is_empty();
            if held.is_empty() && from.is_ended() && !*ended {
                *ended = true;
                to.finish();
                any = true;
            }
        }
        sim.run();
        if any {
            idle = 0;
            continue;
        }
        idle += 1;
        if idle > 3 {
            break;
        }
    }
    let mut heard = ends.lock().unwrap().clone();
    heard.sort_unstable();
    assert_eq!(heard, [("client", MESSAGES), ("server", MESSAGES)], "{protocol:?} {compresses} {seed}");
    sim.advance(Duration::from_millis(1));
    let open = if protocol == Protocol::Http2 { server.connections() } else { 0 };
    assert_eq!(server.connections(), open, "{protocol:?} {compresses} {seed}");
}

#[test]
fn every_message_arrives_in_order_whatever_the_tasks_and_the_transport() {
    for seed in 0..12 {
        for protocol in BOTH {
            for compresses in [false, true] {
                case(protocol, compresses, seed);
            }
        }
    }
}
