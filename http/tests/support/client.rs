//! A client of HTTP/2 in the simulation: frames by hand, and what came back by stream.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use crate::support::{Remote, Sim, pair};
use avx_http::conn::Engine;
use avx_http::rt::Runtime;
use avx_http::{ConnectionError, OwnedRequest, Peer, Router, Server};
use conformance::h2::frames::{PREFACE, content, data, settings, window_update};
use conformance::h2::{Answer, Inbox};
use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub const INITIAL_WINDOW: u16 = 4;

pub struct Client {
    pub sim: Sim,
    pub remote: Remote,
    pub inbox: Inbox,
    /// What was sent on each stream, and on all of them.
    sent: BTreeMap<u32, u64>,
}

/// A server that says no more than it has to.
pub fn server(router: Router) -> Server<Router> {
    Server::new(router).date_field(false).server_field(None::<&str>)
}

impl Client {
    /// Of an engine without acceptors.
    pub fn connect(sim: &Sim, engine: &Engine<Router, Sim>) -> Client {
        let (ours, theirs) = pair();
        sim.spawn(engine.connection(theirs, Peer::Unix));
        Client { sim: sim.clone(), remote: Remote(ours), inbox: Inbox::default(), sent: BTreeMap::new() }
    }

    /// The same, with the prefaces exchanged.
    pub fn greet(sim: &Sim, engine: &Engine<Router, Sim>, list: &[(u16, u32)]) -> Client {
        let mut client = Client::connect(sim, engine);
        client.say([PREFACE, &settings(list)].concat());
        assert_eq!(client.inbox.settings_acks, 1);
        client
    }

    /// Of a server with this router.
    pub fn of(sim: &Sim, router: Router) -> Client {
        Client::greet(sim, &server(router).engine(sim).unwrap(), &[])
    }

    /// Sends, runs, and takes what comes.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.remote.send(bytes);
        self.run();
    }

    /// Runs until nothing comes any more, with the acknowledgements that are due.
    pub fn run(&mut self) {
        loop {
            self.sim.run();
            let bytes = self.remote.recv();
            self.inbox.take(&bytes);
            let replies = self.inbox.replies();
            if bytes.is_empty() && replies.is_empty() {
                return;
            }
            // Nothing to say wakes nobody.
            if !replies.is_empty() {
                self.remote.send(replies);
            }
        }
    }

    pub fn answer(&self, stream: u32) -> Answer {
        self.inbox.answer(stream)
    }

    /// The credit that the server has given and that was not used, on a stream and on the connection.
    pub fn credit(&self, stream: u32) -> (u64, u64) {
        let initial = self.inbox.settings.iter().find(|(id, _)| *id == INITIAL_WINDOW);
        let initial = initial.map_or(65_535, |&(_, n)| u64::from(n));
        let given = |stream| self.inbox.credit.get(&stream).copied().unwrap_or(0);
        let sent = |stream| self.sent.get(&stream).copied().unwrap_or(0);
        (initial + given(stream) - sent(stream), 65_535 + given(0) - sent(0))
    }

    /// Sends as much of `content` as there is credit for, in pieces of at most `piece`, and returns how much.
    pub fn send_content(&mut self, stream: u32, content: &[u8], piece: usize) -> usize {
        let (of_stream, of_all) = self.credit(stream);
        let n = content.len().min(of_stream.min(of_all) as usize);
        for piece in content[..n].chunks(piece) {
            self.remote.send(data(stream, 0, piece));
        }
        for stream in [0, stream] {
            *self.sent.entry(stream).or_default() += n as u64;
        }
        n
    }

    /// Sends content that is known to find credit, and its end.
    pub fn finish(&mut self, stream: u32, bytes: &[u8]) {
        self.say(content(stream, bytes));
    }

    pub fn grant(&mut self, stream: u32, increment: u32) {
        self.say(window_update(stream, increment));
    }
}

/// What a server reported.
#[derive(Clone, Default)]
pub struct Reports(Arc<Mutex<Vec<String>>>);

impl Reports {
    pub fn of(&self, server: Server<Router>) -> Server<Router> {
        let reports = self.clone();
        server.on_error(move |_, error| {
            let text = match error {
                ConnectionError::Panicked => "panicked".to_string(),
                ConnectionError::Peer(error) => format!("{error:?}"),
                ConnectionError::Body(error) => format!("{error:?}"),
                other => format!("{other}"),
            };
            reports.0.lock().unwrap().push(text);
        })
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Counts those that were made and not dropped.
#[derive(Clone, Default)]
pub struct Alive(Arc<AtomicUsize>);

pub struct One(Alive);

impl Alive {
    pub fn one(&self) -> One {
        self.0.fetch_add(1, Ordering::SeqCst);
        One(self.clone())
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A handler that waits for ever, however the request ends.
pub fn waits(alive: &Alive) -> Router {
    let alive = alive.clone();
    Router::new().get("/", || "hello").any("/wait", move |request: OwnedRequest| {
        let one = alive.one();
        async move {
            let _both = (one, request);
            pending::<()>().await;
        }
    })
}
