//! Output that waits: for a peer that reads slowly, and beyond the end of its connection.

use avx_core::h1::Server;
use avx_core::{
    BodyLen, Config, Drive, Event, Http, Instant, PeerError, Response, Scratch, Session, Status, Step, h2,
};
use conformance::h2::frames;
use core::time::Duration;
use std::sync::Arc;

const NOW: Instant = Instant::ZERO;

fn at(seconds: f64) -> Instant {
    NOW + Duration::from_secs_f64(seconds)
}

fn session() -> Session<Server> {
    session_with(Config::default())
}

fn session_with(config: Config) -> Session<Server> {
    let config = Arc::new(config);
    Session::new(Server::new(config.clone(), NOW), &config)
}

/// A session with so many bytes of a response waiting, of which the transport has taken none.
fn waiting(request: &str, content: usize) -> (Session<Server>, Scratch) {
    let (mut session, mut scratch) = (session(), Scratch::new());
    session.read_from(NOW, &mut scratch, request.as_bytes());
    while let Some(turn) = session.turn(NOW, &mut scratch).unwrap() {
        if let Event::Request { stream, .. } = turn.event {
            let response = Response::new(Status::OK, &[]);
            turn.machine.send_full(NOW, stream, &response, &vec![b'x'; content], turn.out).unwrap();
        }
    }
    session.did_write(NOW, 0);
    (session, scratch)
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Attack H1-30: one byte now and then is progress, but buys no more time than it is worth.
#[test]
fn a_peer_that_takes_a_byte_now_and_then_is_too_slow() {
    let (mut session, _) = waiting(GET, 60_000);
    let mut now = NOW;
    while session.error().is_none() {
        assert!(now < at(31.0), "{now:?}");
        now = now + Duration::from_secs(1);
        session.timed_out(now);
        if !session.write_buf().is_empty() {
            session.did_write(now, 1);
        }
    }
    assert_eq!(session.error(), Some(PeerError::WriteStalled));
    assert!(session.is_closed());
}

/// The same where the embedder writes the content itself.
#[test]
fn a_peer_that_takes_a_byte_of_framed_content_now_and_then_is_too_slow() {
    let (mut session, _) = waiting(GET, 0);
    session.did_write(NOW, session.write_buf().len());
    let mut left = 60_000;
    session.did_write_content(NOW, 0, left);
    let mut now = NOW;
    while session.error().is_none() {
        assert!(now < at(31.0), "{now:?}");
        now = now + Duration::from_secs(1);
        session.timed_out(now);
        left -= 1;
        session.did_write_content(now, 1, left);
    }
    assert_eq!(session.error(), Some(PeerError::WriteStalled));
}

#[test]
fn a_peer_that_keeps_the_rate_may_take_as_long_as_it_needs() {
    let (mut session, _) = waiting(GET, 60_000);
    let mut now = NOW;
    while !session.write_buf().is_empty() {
        now = now + Duration::from_secs(10);
        session.timed_out(now);
        assert_eq!(session.error(), None, "{now:?}");
        session.did_write(now, session.write_buf().len().min(2400));
    }
    assert!(now > at(240.0));
}

#[test]
fn what_left_fast_buys_no_silence_longer_than_a_stall() {
    let (mut session, _) = waiting(GET, 60_000);
    session.did_write(at(1.0), 50_000);
    assert_eq!(session.deadline(), Some(at(31.0)));
    session.timed_out(at(31.0));
    assert_eq!(session.error(), Some(PeerError::WriteStalled));
}

/// RFC 9112, section 9.6: the last response is complete as far as the machine is concerned.
#[test]
fn the_drain_ends_at_its_deadline_while_output_waits() {
    for begun_before in [true, false] {
        let (mut session, _) = waiting(GET, 60_000);
        if begun_before {
            session.did_write(NOW, 100);
        }
        session.shutdown(at(1.0));
        session.shutdown(at(20.0));
        for second in 2..31 {
            session.did_write(at(f64::from(second)), 1000);
            session.timed_out(at(f64::from(second)));
            assert_eq!(session.error(), None, "{second}");
        }
        assert!(!session.is_closed());
        assert_eq!(session.deadline(), Some(at(31.0)));
        session.timed_out(at(31.0));
        assert_eq!(session.error(), Some(PeerError::DrainTimeout));
        assert!(session.is_closed());
    }
}

/// RFC 9112, section 9.6: it is the last response that the client must not lose.
#[test]
fn a_server_lingers_from_when_its_last_response_has_left() {
    let (mut session, mut scratch) =
        waiting("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 60_000);
    session.timed_out(at(10.0));
    assert_eq!(session.deadline(), Some(at(30.0)), "nothing but the client's reading is waited for");
    session.did_write(at(10.0), session.write_buf().len());
    assert!(session.wants_shutdown() && !session.is_closed());
    assert_eq!(session.deadline(), Some(at(12.0)));
    session.read_from(at(11.0), &mut scratch, b"more");
    assert!(session.turn(at(11.0), &mut scratch).unwrap().is_none());
    session.timed_out(at(12.0));
    assert!(session.is_closed());
}

#[test]
fn a_server_lingers_from_when_its_goodbye_has_left() {
    let (mut session, mut scratch) = (session(), Scratch::new());
    session.read_from(NOW, &mut scratch, b"(");
    assert_eq!(session.turn(NOW, &mut scratch).unwrap_err(), PeerError::BadMethod);
    session.did_write(NOW, 10);
    session.timed_out(at(10.0));
    session.did_write(at(10.0), session.write_buf().len());
    assert!(session.wants_shutdown() && !session.is_closed());
    assert_eq!(session.deadline(), Some(at(12.0)));
}

#[test]
fn a_connection_is_idle_from_when_its_response_has_left() {
    let (mut session, _) = waiting(GET, 60_000);
    for second in (10..=90).step_by(10) {
        session.timed_out(at(f64::from(second)));
        session.did_write(at(f64::from(second)), 5000);
    }
    session.did_write(at(100.0), session.write_buf().len());
    assert!(!session.is_closed());
    assert_eq!(session.deadline(), Some(at(160.0)));
    session.timed_out(at(160.0));
    assert!(session.is_closed());
}

#[test]
fn without_a_rate_any_progress_will_do() {
    let mut config = Config::default();
    config.timeouts.write_rate = 0;
    let (mut session, mut scratch) = (session_with(config), Scratch::new());
    session.read_from(NOW, &mut scratch, b"(".repeat(10).as_slice());
    assert!(session.turn(NOW, &mut scratch).is_err());
    for second in (29..290).step_by(29) {
        session.did_write(at(f64::from(second)), 1);
        session.timed_out(at(f64::from(second)));
        assert_eq!(session.error(), Some(PeerError::BadMethod), "{second}");
    }
}

/// A machine of HTTP/2 gives up by itself when its peer grants nothing: the goodbye still leaves.
#[test]
fn a_connection_that_gives_up_is_closed_when_its_goodbye_has_left() {
    use avx_core::{BodyLen, Event, Http, Response, Status, h2};
    use conformance::h2::frames;
    let config = Config::default();
    let now = Instant::from_millis(1000);
    let mut session = Session::new(h2::Server::new(Arc::new(config), now), &config);
    let mut scratch = Scratch::new();
    let wide = frames::settings(&[(4, 0x7fff_ffff)]);
    session.read_from(now, &mut scratch, &[frames::PREFACE, &wide, &frames::get(1, "/")].concat());
    while let Some(turn) = session.turn(now, &mut scratch).unwrap() {
        if let Event::Request { stream, .. } = turn.event {
            let ok = Response::new(Status::OK, &[]);
            turn.machine.send_response(now, stream, &ok, BodyLen::Streaming, turn.out).unwrap();
        }
    }
    let all = session.write_buf().len();
    session.did_write(now, all);
    session.read_from(now, &mut scratch, &frames::settings_ack());
    while session.turn(now, &mut scratch).unwrap().is_some() {}
    loop {
        let (machine, out) = session.parts(&mut scratch);
        let stream = avx_core::StreamId(1);
        let sent = machine.send_data(now, stream, &[b'x'; 20_000], out).unwrap();
        machine.wants_write(stream, true);
        let all = session.write_buf().len();
        session.did_write(now, all);
        if sent == 0 {
            break;
        }
    }
    let later = now + Duration::from_secs(30);
    session.timed_out(later);
    assert_eq!(session.turn(later, &mut scratch).err(), Some(PeerError::WriteStalled));
    assert!(!session.write_buf().is_empty() && !session.is_closed());
    let all = session.write_buf().len();
    session.did_write(later, all);
    assert!(session.is_closed() && !session.wants_reset());
}

#[test]
fn a_peer_that_goes_on_after_an_error_is_read_from_for_a_while_and_then_closed_on() {
    let (mut session, mut scratch) = (session(), Scratch::new());
    session.read_from(NOW, &mut scratch, b"nonsense\r\n\r\n");
    assert!(session.turn(NOW, &mut scratch).is_err());
    let answer = session.write_buf().len();
    let mut read = 0;
    while session.wants_read() && read < 1 << 20 {
        session.read_from(NOW, &mut scratch, &[b'x'; 1024]);
        assert!(session.turn(NOW, &mut scratch).is_err());
        read += 1024;
    }
    assert_eq!((read, session.is_closed()), (256 << 10, false), "the answer is still to be written");
    session.did_write(NOW, answer);
    assert!(session.is_closed());
}

/// The steps a driver is told, the transport taking so many bytes at a time.
#[test]
fn a_driver_writes_then_shuts_down_once_then_reads_then_closes() {
    let (mut session, mut scratch) = waiting("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 100);
    let wire: &mut dyn Drive = &mut session;
    let mut written = 0;
    while let Step::Write(bytes) = wire.next_step(&mut scratch) {
        let n = bytes.len().min(50);
        written += n;
        wire.did_write(NOW, n);
    }
    assert!(written > 100);
    // (Asking has answered once.)
    let Step::Read(memory) = wire.next_step(&mut scratch) else { panic!("shut down twice") };
    memory[0] = b'x';
    wire.did_read(NOW, 1);
    assert!(matches!(wire.next_step(&mut scratch), Step::Read(_)));
    let ends = wire.deadline().expect("a linger");
    wire.timed_out(ends);
    assert_eq!(wire.next_step(&mut scratch), Step::Close { reset: false });
}

#[test]
fn a_driver_is_told_to_shut_down_exactly_once() {
    let (mut session, mut scratch) = waiting("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 0);
    session.did_write(NOW, session.write_buf().len());
    assert_eq!(session.next_step(&mut scratch), Step::Shutdown);
    for _ in 0..3 {
        assert!(matches!(session.next_step(&mut scratch), Step::Read(_)));
    }
    session.did_read(NOW, 0);
    assert!(session.turn(NOW, &mut scratch).unwrap().is_none());
    assert_eq!(session.next_step(&mut scratch), Step::Close { reset: false });
}

#[test]
fn a_driver_resets_what_a_slow_reader_would_take_for_the_whole() {
    let (mut session, mut scratch) = waiting(GET, 60_000);
    assert!(matches!(session.next_step(&mut scratch), Step::Write(_)));
    session.timed_out(at(30.0));
    assert_eq!(session.next_step(&mut scratch), Step::Close { reset: true });
}

#[test]
fn a_driver_waits_while_the_user_owes_an_answer() {
    let (mut session, mut scratch) = (session(), Scratch::new());
    session.read_from(NOW, &mut scratch, GET.as_bytes());
    while session.turn(NOW, &mut scratch).unwrap().is_some() {}
    assert_eq!(session.next_step(&mut scratch), Step::Wait);
}

#[test]
fn what_is_handed_over_is_gone_from_where_it_was() {
    use avx_core::{Field, Protocol, ws};
    let config = Config::default();
    let (mut first, mut scratch) = (session(), Scratch::new());
    let request =
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x82\0\0\0\0hi";
    first.read_from(NOW, &mut scratch, request);
    while let Some(turn) = first.turn(NOW, &mut scratch).unwrap() {
        if let Event::Request { stream, .. } = turn.event {
            let fields = [Field::new("Upgrade", "websocket")];
            let switch = Response::new(Status::SWITCHING_PROTOCOLS, &fields);
            turn.machine.send_full(NOW, stream, &switch, b"", turn.out).unwrap();
        }
    }
    assert_eq!(first.switched(), Some(Protocol::WebSocket));
    let mut next = first.hand_over(ws::Server::new(Arc::new(config), NOW));
    assert!(first.write_buf().is_empty() && first.unread().is_empty() && !first.wants_read());
    assert_eq!(first.next_step(&mut scratch), Step::Wait);
    assert!(first.turn(NOW, &mut scratch).unwrap().is_none());
    assert!(next.write_buf().starts_with(b"HTTP/1.1 101 "));
    let turn = next.turn(NOW, &mut scratch).unwrap().expect("the message that came along");
    assert!(matches!(turn.event, ws::Event::Data { data: [b'h', b'i'], last: true, .. }), "{:?}", turn.event);
}

#[test]
fn an_event_waits_for_room_and_the_peer_does_not_pay_for_that() {
    let (mut session, mut scratch) = waiting(GET, 60_000);
    session.read_from(NOW, &mut scratch, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
    assert!(session.turn_with_room(NOW, &mut scratch, 10_000).unwrap().is_none(), "5,470 bytes are left");
    let turn = session.turn_with_room(NOW, &mut scratch, 5_000).unwrap().expect("a request");
    assert!(matches!(turn.event, Event::Request { .. }));
    // The client owes content, and then does not any more.
    assert!(session.turn(NOW, &mut scratch).unwrap().is_none());
    assert_eq!(session.deadline(), Some(at(5.0)));
    session.read_from(at(4.0), &mut scratch, b"too much ");
    assert!(session.turn_with_room(at(4.0), &mut scratch, 10_000).unwrap().is_none());
    assert_eq!(session.deadline(), Some(at(30.0)), "nothing but its reading is waited for");
    let all = session.write_buf().len();
    session.did_write(at(20.0), all);
    let turn = session.turn_with_room(at(20.0), &mut scratch, 10_000).unwrap().expect("its content");
    assert!(matches!(turn.event, Event::Data { .. }));
}

/// Both ends may hold back what the other waits for: nothing is read before it has left.
#[test]
fn what_the_machine_has_to_say_leaves_behind_content_that_took_all_the_room() {
    let (config, mut scratch) = (Arc::new(Config::default()), Scratch::new());
    let mut session = Session::new(h2::Server::new(config.clone(), Instant::ZERO), &config);
    let wide = frames::settings(&[(4, 1 << 20)]);
    let content: Vec<u8> = (0..3).flat_map(|_| frames::data(1, 0, &[b'x'; 15_000])).collect();
    let wire = [frames::PREFACE, &wide, &frames::window_update(0, 1 << 20), &frames::post(1, "/"), &content]
        .concat();
    session.read_from(Instant::ZERO, &mut scratch, &wire);
    let (mut stream, mut credits) = (None, 0);
    while let Some(turn) = session.turn(Instant::ZERO, &mut scratch).unwrap() {
        match turn.event {
            Event::Request { stream: id, .. } => {
                let ok = Response::new(Status::OK, &[]);
                turn.machine.send_response(Instant::ZERO, id, &ok, BodyLen::Streaming, turn.out).unwrap();
                stream = Some(id);
            }
            Event::Data { credit, .. } => credits += credit,
            _ => {}
        }
    }
    let stream = stream.unwrap();
    let (machine, out) = session.parts(&mut scratch);
    while machine.send_data(Instant::ZERO, stream, &[b'y'; 1000], out).unwrap() > 0 {}
    machine.release(stream, credits);
    assert!(session.turn(Instant::ZERO, &mut scratch).unwrap().is_none());
    let len = session.write_buf().len();
    session.did_write(Instant::ZERO, len);
    assert_eq!(session.write_buf()[3], 8, "a WINDOW_UPDATE");
}
