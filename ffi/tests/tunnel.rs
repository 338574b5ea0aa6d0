//! WebSockets on streams of HTTP/2, beside whatever else their connection carries.
#![allow(unsafe_code, reason = "C's side")]

mod support;

use avx::EventKind as K;
use avx::*;
use support::*;

/// A server that takes such, and a client that has heard of it.
fn ends(set: &[(Setting, u64)]) -> (End, End) {
    let config = avx_config_new();
    // SAFETY: a handle, and places.
    let (mut client, mut server) = unsafe {
        assert_eq!(avx_config_set(config, Setting::AvxOptionConnectProtocol as u32, 1), 0);
        for &(option, value) in set {
            assert_eq!(avx_config_set(config, option as u32, value), 0);
        }
        let server = End::of(|place| avx_server_new(config, 0, NOW, place));
        let client = End::of(|place| avx_client_new(config, 20, false, NOW, place));
        avx_config_free(config);
        (client, server)
    };
    let (told, _) = carry(&mut client, &mut server);
    assert!(told.iter().any(|told| told.kind == K::AvxEventSettings && told.flags.1), "{told:?}");
    (client, server)
}

/// Opens one, and says on which stream.
fn open(client: &mut End, server: &mut End) -> u64 {
    assert_eq!(client.ask("chat, superchat"), 0);
    let (_, told) = carry(client, server);
    assert_eq!(kinds(&told), [K::AvxEventRequest]);
    assert!(told[0].flags.1, "it is a handshake");
    assert_eq!((&told[0].text[..], server.reply(told[0].stream, &[])), ("CONNECT /ws a", (0, true)));
    let (by_client, by_server) = carry(client, server);
    assert_eq!(kinds(&by_client), [K::AvxEventResponse, K::AvxEventOpen]);
    assert_eq!((by_client[0].status, by_client[1].stream), (200, told[0].stream));
    assert_eq!((kinds(&by_server), by_server[0].stream), (vec![K::AvxEventOpen], told[0].stream));
    told[0].stream
}

fn kinds(told: &[Told]) -> Vec<K> {
    told.iter().map(|told| told.kind).collect()
}

#[test]
fn rfc8441_a_websocket_on_a_stream_goes_from_handshake_to_close() {
    let (mut client, mut server) = ends(&[]);
    let stream = open(&mut client, &mut server);
    assert_eq!((client.say(true, b"hello", false), client.say(true, b" there", true)), (0, 0));
    let (_, told) = carry(&mut client, &mut server);
    let said: Vec<_> = told.iter().map(|t| (t.stream, &t.data[..], t.flags.2, t.flags.3)).collect();
    assert_eq!(said, [(stream, &b"hello"[..], true, false), (stream, b" there", true, true)]);
    assert_eq!(server.ping(b"x"), 0);
    let (told, back) = carry(&mut client, &mut server);
    assert_eq!((kinds(&told), kinds(&back)), (vec![K::AvxEventPing], vec![K::AvxEventPong]));
    assert_eq!((told[0].stream, back[0].stream), (stream, stream));
    // Another exchange passes by.
    let (_, other) = client.request("GET", "/", &[], 0);
    let (_, told) = carry(&mut client, &mut server);
    assert_eq!((kinds(&told), told[0].stream), (vec![K::AvxEventRequest, K::AvxEventEnd], other));
    assert_eq!(server.full(other, 200, &[], b"hi"), 0);
    assert_eq!(client.close(4000, b"enough"), 0);
    let (by_client, by_server) = carry(&mut client, &mut server);
    assert_eq!(kinds(&by_server), [K::AvxEventClose, K::AvxEventEnd]);
    assert_eq!(
        (by_server[0].code, &by_server[0].data[..], by_server[1].stream),
        (4000, &b"enough"[..], stream)
    );
    let of_socket: Vec<K> =
        by_client.iter().filter(|told| told.stream == stream).map(|told| told.kind).collect();
    assert_eq!(of_socket, [K::AvxEventClose, K::AvxEventEnd]);
    assert!(by_client.iter().any(|told| told.data == b"hi"));
    assert_eq!(client.release(other, 2), 0);
    for end in [&mut client, &mut server] {
        assert_eq!(end.say(true, b"more", true), Code::AvxErrorProtocol as i32, "it is gone");
        // SAFETY: a handle.
        assert_eq!(unsafe { (avx_protocol(end.connection), avx_is_idle(end.connection)) }, (20, true));
    }
    // SAFETY: a handle.
    assert!(unsafe { avx_is_reusable(client.connection) });
    open(&mut client, &mut server);
}

#[test]
fn several_on_a_connection_do_not_meet() {
    let (mut client, mut server) = ends(&[]);
    let streams: Vec<u64> = (0..5).map(|_| open(&mut client, &mut server)).collect();
    for round in 0..3 {
        for &stream in &streams {
            client.socket = stream;
            assert_eq!(client.say(false, format!("{round} {stream}").as_bytes(), true), 0);
        }
        let (_, told) = carry(&mut client, &mut server);
        for told in &told {
            assert_eq!(told.data, format!("{round} {}", told.stream).as_bytes());
            server.socket = told.stream;
            assert_eq!(server.say(false, &told.data, true), 0);
        }
        let (back, _) = carry(&mut client, &mut server);
        assert_eq!((told.len(), back), (5, told));
    }
}

/// More than every buffer and window on the way: all of it arrives, nothing grows, and an echo always finds room.
#[test]
#[cfg_attr(miri, ignore = "long, and nothing new to see")]
fn large_messages_flow_and_whoever_does_not_read_is_not_read_from() {
    let (mut client, mut server) = ends(&[(Setting::AvxOptionGrowWindows, 0)]);
    open(&mut client, &mut server);
    let message: Vec<u8> = (0..1_000_000u32).map(|n| (n * 7) as u8).collect();
    // Whatever room a piece leaves beside it: a client that waits for credit is told of what comes all the same.
    for len in [30_000, 16_384, 1000] {
        let (mut pieces, mut back) = (message.chunks(len).enumerate().peekable(), Vec::new());
        let n = message.chunks(len).len();
        let mut rounds = 0;
        while back.len() < message.len() {
            rounds += 1;
            assert!(rounds < 10_000, "stuck at {} of {}", back.len(), message.len());
            while let Some(&(at, piece)) = pieces.peek() {
                match client.say(false, piece, at + 1 == n) {
                    0 => drop(pieces.next()),
                    code => {
                        assert_eq!(code, Code::AvxErrorOutputFull as i32);
                        break;
                    }
                }
            }
            client.all().into_iter().for_each(|told| back.extend(told.data));
            client.write();
            let up = core::mem::take(&mut client.out);
            server.hear(&up);
            while let Some(told) = server.next().expect("no error") {
                assert_eq!(server.say(told.flags.2, &told.data, told.flags.3), 0, "an echo finds room");
            }
            server.write();
            let down = core::mem::take(&mut server.out);
            client.hear(&down);
        }
        assert_eq!(back, message);
    }
    // Now nobody takes what comes back: what goes in ends with the windows and the buffers between them.
    let mut sent = 0;
    for _ in 0..100 {
        while client.say(false, &[0; 8000], true) == 0 {
            sent += 8000;
        }
        while client.next().expect("no error").is_some() {}
        client.write();
        let up = core::mem::take(&mut client.out);
        server.hear(&up);
        while let Some(told) = server.next().expect("no error") {
            assert_eq!(server.say(told.flags.2, &told.data, told.flags.3), 0);
        }
    }
    assert!(sent < 600_000, "{sent} bytes went in");
}

/// Otherwise two ends that both wait to send would wait for each other.
#[test]
fn a_client_is_told_of_what_comes_while_its_own_output_waits() {
    let (mut client, mut server) = ends(&[]);
    open(&mut client, &mut server);
    while client.say(false, &[0; 16_000], true) == 0 {
        client.all();
        client.write();
    }
    while client.say(false, b"x", true) == 0 {}
    assert_eq!(server.say(true, b"over here", true), 0);
    server.all();
    server.write();
    let down = core::mem::take(&mut server.out);
    client.hear(&down);
    assert_eq!(kinds(&client.all()), [K::AvxEventMessage]);
}

#[test]
fn what_breaks_one_websocket_leaves_the_connection_alone() {
    let (mut client, mut server) = ends(&[]);
    let stream = open(&mut client, &mut server);
    let other = open(&mut client, &mut server);
    client.socket = stream;
    assert_eq!(client.say(true, b"\xff not UTF-8", true), 0);
    let (by_client, by_server) = carry(&mut client, &mut server);
    assert_eq!(kinds(&by_client), [K::AvxEventClose, K::AvxEventEnd]);
    assert_eq!((by_client[0].code, by_client[0].stream), (1007, stream));
    let end = by_server.last().expect("an end");
    assert_eq!((end.kind, end.stream, end.flags.4), (K::AvxEventReset, stream, false));
    assert!(end.reason.contains("UTF-8") || end.reason.contains("utf-8"), "{}", end.reason);
    client.socket = other;
    assert_eq!(client.say(true, b"still here", true), 0);
    let (_, told) = carry(&mut client, &mut server);
    assert_eq!(&told[0].data[..], b"still here");
    // SAFETY: a handle.
    assert!(unsafe { avx_peer_error(server.connection) }.is_null());
}

#[test]
fn a_stream_that_is_reset_or_cut_is_told_of_as_such() {
    let (mut client, mut server) = ends(&[]);
    let stream = open(&mut client, &mut server);
    // SAFETY: a handle.
    assert_eq!(unsafe { avx_reset(client.connection, NOW, stream, 8) }, 0);
    assert_eq!(client.say(true, b"x", true), Code::AvxErrorProtocol as i32);
    let (_, told) = carry(&mut client, &mut server);
    assert_eq!((kinds(&told), told[0].code, told[0].flags.4), (vec![K::AvxEventReset], 8, true));
    assert_eq!(server.say(true, b"x", true), Code::AvxErrorProtocol as i32);
    // Who vanishes takes all with him.
    open(&mut client, &mut server);
    // SAFETY: handles.
    unsafe {
        assert_eq!(avx_did_read(server.connection, NOW, 0), 0);
        server.all();
        server.write();
        assert!(server.closed.is_some() || !avx_peer_error(server.connection).is_null());
    }
}

/// What an event points to stays until the next one is asked for, whatever becomes of its stream meanwhile.
#[test]
fn an_event_outlives_the_websocket_that_has_told_it() {
    let (mut client, mut server) = ends(&[]);
    let first = open(&mut client, &mut server);
    client.say(true, b"hello", true);
    client.write();
    let up = core::mem::take(&mut client.out);
    server.hear(&up);
    let (c, s, mut event) = (server.connection, server.scratch, core::ptr::null::<Event>());
    // SAFETY: handles, and an event that the header says is valid through all of this.
    unsafe {
        assert_eq!(avx_next(c, s, NOW, &raw mut event), 0);
        assert_eq!(server.say(true, slice((*event).data), true), 0);
        assert_eq!((server.ping(b"x"), server.close(1000, b"")), (0, 0));
        assert_eq!((avx_hold(c, NOW), avx_timed_out(c, NOW), avx_shutdown(c, NOW)), (0, 0, 0));
        assert_eq!((avx_reset(c, NOW, first, 8), avx_done(c, NOW, first)), (0, 0));
        assert_eq!(((*event).stream, slice((*event).data)), (first, &b"hello"[..]));
    }
}

#[test]
fn a_client_that_is_silent_is_pinged_and_then_given_up() {
    let (mut client, mut server) = ends(&[]);
    let stream = open(&mut client, &mut server);
    // SAFETY: handles.
    let at = unsafe { avx_deadline(server.connection) };
    assert!(at <= NOW + 30_000_000_000, "{at}");
    let mut told: Vec<Told> = Vec::new();
    while told.last().is_none_or(|told| told.kind != K::AvxEventReset) {
        // SAFETY: handles.
        unsafe {
            server.now = avx_deadline(server.connection);
            assert_ne!(server.now, u64::MAX);
            assert_eq!(avx_timed_out(server.connection, server.now), 0);
        }
        told.extend(server.all());
        server.write();
    }
    let end = told.last().expect("an end");
    assert_eq!((end.kind, end.stream), (K::AvxEventReset, stream));
    assert!(server.now <= NOW + 70_000_000_000, "{}", server.now);
}

#[test]
fn a_graceful_end_closes_all_of_them_with_1001() {
    for version in [11, 20] {
        let (mut client, mut server) = match version {
            20 => ends(&[]),
            _ => (End::client(11), End::server()),
        };
        if version == 20 {
            open(&mut client, &mut server);
            open(&mut client, &mut server);
        } else {
            client.ask("");
            let (_, told) = carry(&mut client, &mut server);
            assert_eq!(server.reply(told[0].stream, &[]), (0, true));
            carry(&mut client, &mut server);
        }
        // SAFETY: a handle.
        assert_eq!(unsafe { avx_shutdown(server.connection, NOW) }, 0);
        let (told, _) = carry(&mut client, &mut server);
        let closes = told.iter().filter(|told| told.kind == K::AvxEventClose && told.code == 1001);
        assert_eq!(closes.count(), if version == 20 { 2 } else { 1 }, "{told:?}");
        // A server of HTTP/2 lingers for what is still on its way.
        server.now += 2_000_000_000;
        // SAFETY: a handle.
        assert_eq!(unsafe { avx_timed_out(server.connection, server.now) }, 0);
        server.write();
        assert_eq!(server.closed, Some(false), "{version}");
    }
}

#[test]
fn what_is_no_handshake_on_a_stream_is_refused() {
    let (mut client, mut server) = ends(&[]);
    // Another status.
    assert_eq!(client.ask(""), 0);
    let (_, told) = carry(&mut client, &mut server);
    assert_eq!(server.full(told[0].stream, 403, &[], b"no"), 0);
    assert_eq!(server.reply(told[0].stream, &[]).0, Code::AvxErrorBadUpgrade as i32, "it was answered");
    let (told, _) = carry(&mut client, &mut server);
    assert_eq!(kinds(&told), [K::AvxEventResponse, K::AvxEventData, K::AvxEventEnd]);
    assert_eq!(client.release(told[0].stream, 2), 0);
    // SAFETY: handles.
    assert_eq!(unsafe { (avx_is_idle(client.connection), avx_is_idle(server.connection)) }, (true, true));
    // A subprotocol that nobody asked for.
    assert_eq!(client.ask("chat"), 0);
    let (_, told) = carry(&mut client, &mut server);
    assert_eq!(server.reply(told[0].stream, &[field("sec-websocket-protocol", "other")]), (0, true));
    let (told, _) = carry(&mut client, &mut server);
    assert_eq!(kinds(&told), [K::AvxEventReset]);
    assert!(told[0].reason.contains("subprotocol"), "{}", told[0].reason);
    // A request that is none.
    let (_, stream) = client.request("GET", "/", &[], 0);
    carry(&mut client, &mut server);
    assert_eq!(server.reply(stream, &[]), (Code::AvxErrorBadUpgrade as i32, false));
}

#[test]
fn rfc6455_4_1_what_is_sent_before_the_handshake_is_answered_is_no_websocket() {
    let (mut client, mut server) = ends(&[]);
    let version = field("sec-websocket-version", "13");
    let (code, stream) = client.request("CONNECT", "/ws", &[field(":protocol", "websocket"), version], -1);
    assert_eq!(code, 0);
    let (_, told) = carry(&mut client, &mut server);
    assert!(told[0].flags.1);
    client.data(stream, b"\x81\x80\0\0\0\0");
    let (_, told) = carry(&mut client, &mut server);
    if told.iter().any(|told| told.kind == K::AvxEventData) {
        assert_eq!(server.reply(stream, &[]).0, Code::AvxErrorBadUpgrade as i32);
    } else {
        assert_eq!(server.reply(stream, &[]), (0, true), "the client has held it back");
    }
}

#[test]
fn a_server_that_takes_none_is_not_asked() {
    let (mut client, mut server) = (End::client(20), End::server());
    assert_eq!(client.ask(""), Code::AvxErrorBadUpgrade as i32);
    let (told, _) = carry(&mut client, &mut server);
    assert!(told.iter().any(|told| told.kind == K::AvxEventSettings && !told.flags.1), "{told:?}");
    assert_eq!(client.ask(""), Code::AvxErrorBadUpgrade as i32);
}

#[test]
fn http_is_not_spoken_on_a_stream_that_is_a_websocket() {
    let (mut client, mut server) = ends(&[]);
    let stream = open(&mut client, &mut server);
    for end in [&mut client, &mut server] {
        let wrong = Code::AvxErrorWrongState as i32;
        assert_eq!(
            (end.data(stream, b"x"), end.end(stream, &[]), end.release(stream, 1)),
            ((wrong, 0), wrong, wrong)
        );
        let code = end.full(stream, 200, &[], b"");
        assert!(code == wrong || code == Code::AvxErrorUnknownStream as i32, "{code}");
        assert_eq!(end.say(true, b"fine", true), 0);
        end.socket = 99;
        assert_eq!(end.say(true, b"x", true), Code::AvxErrorProtocol as i32);
        end.socket = stream;
    }
    let (by_client, by_server) = carry(&mut client, &mut server);
    assert_eq!((&by_client[0].data[..], &by_server[0].data[..]), (&b"fine"[..], &b"fine"[..]));
}

#[test]
#[cfg(feature = "deflate")]
fn messages_are_compressed_where_both_ends_want_that() {
    for version in [11, 20] {
        let (mut client, mut server) = ends(&[(Setting::AvxOptionDeflate, 1)]);
        if version == 11 {
            let config = avx_config_new();
            // SAFETY: a handle, and places.
            unsafe {
                avx_config_set(config, Setting::AvxOptionDeflate as u32, 1);
                server = End::of(|place| avx_server_new(config, 0, NOW, place));
                client = End::of(|place| avx_client_new(config, 11, false, NOW, place));
                avx_config_free(config);
            }
        }
        assert_eq!(client.ask(""), 0);
        let (_, told) = carry(&mut client, &mut server);
        assert_eq!(server.reply(told[0].stream, &[]), (0, true));
        carry(&mut client, &mut server);
        let text = "again and ".repeat(1000);
        let (c, s) = (client.connection, client.scratch);
        // SAFETY: handles and bytes.
        let code = unsafe {
            avx_websocket_send_compressed(c, s, NOW, client.socket, true, text.as_ptr(), text.len(), true)
        };
        assert_eq!(code, 0);
        client.all();
        client.write();
        assert!(client.out.len() < 500, "{version}: {} bytes", client.out.len());
        let (_, told) = carry(&mut client, &mut server);
        let said: Vec<u8> = told.iter().flat_map(|told| told.data.clone()).collect();
        assert_eq!(said, text.as_bytes(), "{version}");
    }
}

#[test]
#[cfg(not(feature = "deflate"))]
fn compression_cannot_be_asked_for_where_it_is_not_built_in() {
    let config = avx_config_new();
    // SAFETY: a handle.
    unsafe {
        let code = avx_config_set(config, Setting::AvxOptionDeflate as u32, 1);
        assert_eq!(code, Code::AvxErrorArgument as i32);
        avx_config_free(config);
    }
}
