//! The live suite: a server on real sockets, and rude peers. One suite, any runtime.
//!
//! A runtime takes part with a [`Target`] that serves the application below, and one line:
//!
//! ```ignore
//! conformance::suite!(MyRuntime);
//! // What a mere echo over `Session` does without:
//! conformance::suite!(MyRuntime: ws { ws_a_stream_of_http2_carries_messages });
//! ```
//!
//! # The application
//!
//! | Request | Response |
//! |---|---|
//! | any method, `/` | `hello`, after all of the content has been read |
//! | `POST /echo` | the content as it comes, of unknown length |
//! | `POST /ignore` | `ignored`, without a look at the content |
//! | `GET /large` | [`LARGE`] bytes `x`, in pieces, of known length |
//! | `GET /cut` | `part`, of unknown length, and then it breaks off |
//! | `GET /ws` with a handshake, or an extended CONNECT | a WebSocket that echoes messages |
//! | `GET /upgrade` with `Upgrade: echo` | 101, then an echo of bytes until the client half-closes |
//! | anything else | 404 |
//!
//! - [`exchange`]: keep-alive, pipelining, content, expectations, upgrades, half-close
//! - [`attacks`]: each transcript that ends in an answered error, against the live server
//! - [`h2_exchange`], [`h2_attacks`]: the same over HTTP/2, which begins with its preface on the same port
//! - [`ws`]: WebSocket, over HTTP/1.1 and over HTTP/2
//! - [`time`]: slow heads, slow content, slow readers, idle connections, graceful ends
//! - [`crowd`]: many connections, too many of them, random bytes, resets
//! - `apart`: a server in another process, without descriptors or with thousands of connections

#[cfg(unix)]
pub mod apart;
pub mod attacks;
pub mod crowd;
pub mod exchange;
pub mod h2_attacks;
pub mod h2_exchange;
pub mod time;
pub mod ws;

use crate::peer::{PATIENCE, Peer};
use avx_core::Config;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Content of `GET /large`: more than sockets buffer.
pub const LARGE: usize = 64 << 20;

/// A runtime that serves the application.
pub trait Target {
    /// A running server. Dropping it ends it, abruptly if need be.
    type Running: Running;

    /// Starts a server on a port of the system's choosing.
    fn start(setup: &Setup) -> Self::Running;
}

/// How a server is started.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Limits, time-outs and leniencies.
    pub config: Config,
    /// Connections at the same time.
    pub max_connections: usize,
}

impl Default for Setup {
    fn default() -> Self {
        Setup { config: Config::default(), max_connections: 10_000 }
    }
}

/// A server that runs.
pub trait Running {
    /// Where it listens.
    fn addr(&self) -> SocketAddr;

    /// Connections that are open now.
    fn connections(&self) -> usize;

    /// Begins the graceful end.
    fn shutdown(&self);

    /// Waits until nothing of it is left.
    fn join(self);
}

/// Every test of the suite, for one [`Target`].
#[macro_export]
macro_rules! suite {
    ($target:ty) => {
        $crate::suite!($target: exchange {
            a_connection_serves_several_requests
            pipelined_requests_are_answered_in_order
            a_request_may_come_byte_by_byte
            content_goes_both_ways
            a_large_response_arrives_whole
            responses_to_head_have_no_content
            http_1_0_closes_unless_asked_not_to
            a_response_that_breaks_off_does_not_look_complete
            a_client_that_has_sent_everything_gets_its_response
            a_client_that_waits_for_100_gets_it
            a_client_that_is_not_invited_is_closed_on
            content_nobody_reads_is_read_over
            too_much_content_nobody_reads_closes
            an_upgrade_takes_the_connection_over
            an_unknown_path_is_not_found
        });
        $crate::suite!($target: attacks { every_attack_is_answered_and_closed });
        $crate::suite!($target: time {
            a_slow_head_is_answered_408
            a_dripping_head_is_answered_408
            slow_content_is_answered_408
            an_idle_connection_is_closed_without_a_word
            a_connection_that_says_nothing_is_closed_without_a_word
            a_client_that_never_reads_is_dropped
            a_closed_connection_is_let_go_of
            a_shutdown_lets_what_is_in_flight_complete
            a_shutdown_does_not_wait_for_ever
        });
        $crate::suite!($target: crowd {
            many_connections_are_served
            one_connection_too_many_waits_its_turn
            random_bytes_do_no_harm
            resets_do_no_harm
        });

        $crate::suite!($target: h2_exchange {
            h2_a_connection_serves_many_requests_at_once
            h2_a_request_may_come_byte_by_byte
            h2_content_goes_both_ways
            h2_a_large_response_arrives_and_can_be_cancelled
            h2_a_response_that_breaks_off_is_reset
            h2_head_and_expectations_are_what_they_are
            h2_content_nobody_reads_is_read_over
            h2_a_shutdown_lets_what_is_in_flight_complete
            h2_an_idle_connection_is_told_goodbye
        });
        $crate::suite!($target: h2_attacks {
            h2_every_attack_ends_its_stream_or_its_connection
            h2_floods_end
            h2_a_slow_block_ends_in_calm
            h2_settings_nobody_acknowledges_end_the_connection
            h2_a_window_that_stays_closed_gives_its_stream_up
            h2_a_connection_window_that_stays_closed_ends_the_connection
            h2_tiny_windows_are_served
            h2_another_preface_is_no_connection
            h2_a_client_that_never_reads_is_dropped
            h2_resets_do_no_harm
        });

        $crate::suite!($target: ws {
            ws_messages_are_echoed
            ws_bytes_may_come_in_any_pieces
            ws_what_is_no_handshake_is_refused
            ws_every_attack_is_closed_with_its_code
            ws_a_flood_of_pings_ends
            ws_a_peer_that_never_reads_is_dropped
            ws_a_silent_peer_is_given_up
            ws_a_shutdown_says_1001
        });

        /// The server of the test below, in a process of its own.
        #[cfg(unix)]
        #[test]
        #[ignore = "serves until its input ends"]
        fn serves_until_its_input_ends() {
            $crate::live::apart::serve::<$target>();
        }

        #[cfg(unix)]
        #[test]
        fn descriptors_that_run_out_are_waited_for() {
            $crate::live::apart::descriptors_that_run_out_are_waited_for("serves_until_its_input_ends");
        }

        #[cfg(unix)]
        #[test]
        #[ignore = "takes 10 000 descriptors"]
        fn ten_thousand_connections_are_served() {
            $crate::live::apart::ten_thousand_connections_are_served("serves_until_its_input_ends");
        }
    };
    ($target:ty: $module:ident { $( $name:ident )* }) => {
        $( #[test] fn $name() { $crate::live::$module::$name::<$target>(); } )*
    };
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn post(path: &str, content: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{content}", content.len())
}

fn config(change: impl FnOnce(&mut Config)) -> Setup {
    let mut setup = Setup::default();
    change(&mut setup.config);
    setup
}

/// Waits until `what` is so, looking now and then.
#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Whatever happened before, the next connection is served.
#[track_caller]
fn is_unharmed(server: &impl Running) {
    served(server.addr());
}

/// A new connection is served.
#[track_caller]
fn served(addr: SocketAddr) {
    let mut peer = Peer::connect(addr);
    peer.send(GET);
    let answer = peer.answer();
    assert_eq!((answer.status, &answer.content[..]), (200, &b"hello"[..]));
}
