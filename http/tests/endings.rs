//! How connections end when the peer is slow, or a response breaks off.

mod support;

use avx_core::PeerError;
use avx_http::conn::Engine;
use avx_http::{ConnectionError, Peer, Router, Server};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Remote, Sim};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Errors that a server reported.
#[derive(Clone, Default)]
struct Errors(Arc<Mutex<Vec<PeerError>>>);

impl Errors {
    fn of(&self, server: Server<Router>) -> Server<Router> {
        let errors = self.clone();
        server.on_error(move |_, error| {
            if let ConnectionError::Peer(error) = error {
                errors.0.lock().unwrap().push(error);
            }
        })
    }

    fn take(&self) -> Vec<PeerError> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn server(router: Router) -> Server<Router> {
    Server::new(router).date_field(false).server_field(None::<&str>)
}

/// A client of an engine without acceptors.
fn connect(sim: &Sim, engine: &Engine<Router, Sim>) -> Remote {
    let (ours, theirs) = support::pair();
    avx_http::rt::Runtime::spawn(sim, engine.connection(theirs, Peer::Unix));
    Remote(ours)
}

/// Attack H1-30.
#[test]
fn a_client_that_reads_a_byte_now_and_then_is_dropped() {
    for content in [10_000, 60_000] {
        let (sim, errors) = (Sim::new(), Errors::default());
        let router = Router::new().get("/", move || vec![b'x'; content]);
        let engine = errors.of(server(router)).engine(&sim).unwrap();
        let client = connect(&sim, &engine);
        client.set_window(1);
        client.send(GET);
        sim.run();
        for _ in 0..4 {
            client.recv();
            sim.advance(Duration::from_secs(10));
        }
        assert!(client.is_closed(), "{content}");
        assert_eq!(errors.take(), [PeerError::WriteStalled]);
    }
}

#[test]
fn the_drain_ends_at_its_deadline_whatever_the_client_still_has_to_read() {
    for content in [10_000, 60_000] {
        let (sim, errors) = (Sim::new(), Errors::default());
        let router = Router::new().get("/", move || vec![b'x'; content]);
        let engine = errors.of(server(router)).drain(Duration::from_secs(5)).engine(&sim).unwrap();
        let client = connect(&sim, &engine);
        client.set_window(4000);
        client.send(GET);
        sim.run();
        engine.shutdown();
        sim.advance(Duration::from_secs(4));
        client.recv();
        assert!(!client.is_closed());
        sim.advance(Duration::from_secs(2));
        assert!(client.is_closed(), "{content}");
        assert_eq!(errors.take(), [PeerError::DrainTimeout]);
    }
}
