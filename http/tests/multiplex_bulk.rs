//! More content over HTTP/2 than one turn of a connection carries.

mod support;
#[path = "support/client.rs"]
mod wire;

use avx_http::Router;
use conformance::h2::frames::get;
use support::Sim;
use wire::{Client, INITIAL_WINDOW, server};

/// As much as a connection writes in one turn, and a little less or more, so that every way out of the turn
/// is taken with something left to write.
#[test]
fn a_peer_that_takes_everything_gets_everything() {
    const TURN: usize = 32 * (64 << 10);
    for size in (TURN - (256 << 10)..TURN + (512 << 10)).step_by(40_000).chain([4 * TURN + 1]) {
        let sim = Sim::new();
        let content: &'static [u8] = vec![b'x'; size].leak();
        let engine = server(Router::new().get("/", move || content)).engine(&sim).unwrap();
        let mut client = Client::greet(&sim, &engine, &[(INITIAL_WINDOW, 1 << 30)]);
        client.grant(0, 1 << 30);
        client.remote.set_window(usize::MAX / 2);
        client.say(get(1, "/"));
        let answer = client.answer(1);
        assert_eq!((answer.content.len(), answer.ended), (size, true));
    }
}
