//! Connections from end to end, as C would drive them.

#![allow(unsafe_code, reason = "C's side")]

#[path = "../../core/tests/counting/mod.rs"]
#[allow(dead_code)]
mod counting;
mod support;

use avx::EventKind as K;
use avx::*;
use core::ptr;
use support::*;

fn kinds(told: &[Told]) -> Vec<K> {
    told.iter().map(|told| told.kind).collect()
}

#[test]
fn a_request_of_http_1_is_told_and_answered() {
    let mut server = End::server();
    server.hear(b"POST /a?b=c HTTP/1.1\r\nHost: example.org\r\nX-Y:  z \r\nContent-Length: 5\r\n\r\nhe");
    let told = server.all();
    assert_eq!(kinds(&told), [K::AvxEventRequest, K::AvxEventData]);
    assert_eq!((&told[0].text[..], told[0].length, told[0].stream), ("POST /a?b=c example.org", 5, 1));
    assert_eq!(told[0].fields[1], ("X-Y".to_owned(), "z".to_owned()));
    assert_eq!(told[1].data, b"he");
    server.hear(b"llo");
    assert_eq!(kinds(&server.all()), [K::AvxEventData, K::AvxEventEnd]);
    assert_eq!(server.full(1, 200, &[field("content-type", "text/plain")], b"hi"), 0);
    server.write();
    assert_eq!(server.out, b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 2\r\n\r\nhi");
    // SAFETY: a handle.
    assert_eq!(unsafe { (avx_protocol(server.connection), avx_is_idle(server.connection)) }, (11, true));
}

#[test]
fn an_exchange_with_trailers_is_the_same_over_both_versions() {
    for version in [11, 20] {
        let (mut client, mut server) = (End::client(version), End::server());
        let (code, stream) = client.request("POST", "/x", &[field("accept", "*/*")], -1);
        assert_eq!(code, 0);
        assert_eq!(client.data(stream, b"up"), (0, 2));
        assert_eq!(client.end(stream, &[]), 0);
        let (_, told) = carry(&mut client, &mut server);
        assert_eq!(kinds(&told), [K::AvxEventRequest, K::AvxEventData, K::AvxEventEnd], "{version}");
        assert_eq!((&told[0].text[..], told[0].length), ("POST /x a", -1));
        assert_eq!(server.release(stream, 2), 0);
        // SAFETY: handles.
        let interim = unsafe {
            avx_send_informational(server.connection, server.scratch, NOW, stream, 103, ptr::null(), 0)
        };
        assert_eq!((interim, server.respond(stream, 200, -1)), (0, (0, true)));
        assert_eq!(server.data(stream, b"down"), (0, 4));
        assert_eq!(server.end(stream, &[field("x-sum", "1")]), 0);
        let (told, _) = carry(&mut client, &mut server);
        let expected = [K::AvxEventInformational, K::AvxEventResponse, K::AvxEventData, K::AvxEventEnd];
        assert_eq!(kinds(&told), expected, "{version}");
        assert_eq!((told[0].status, told[1].status, &told[2].data[..]), (103, 200, &b"down"[..]));
        assert_eq!(told[3].fields, [("x-sum".to_owned(), "1".to_owned())]);
        // SAFETY: a handle.
        assert_eq!(unsafe { avx_protocol(server.connection) }, version);
    }
}

#[test]
#[cfg_attr(miri, ignore = "long, and nothing new to see")]
fn what_is_not_released_holds_the_peer_up_over_both_versions() {
    for version in [11, 20] {
        let mut server = {
            let config = avx_config_new();
            // SAFETY: handles and a place.
            unsafe {
                assert_eq!(avx_config_set(config, Setting::AvxOptionGrowWindows as u32, 0), 0);
                let server = End::of(|place| avx_server_new(config, 0, NOW, place));
                avx_config_free(config);
                server
            }
        };
        let mut client = End::client(version);
        let (_, stream) = client.request("POST", "/", &[], -1);
        let (mut sent, mut told) = (0, 0);
        for _ in 0..100 {
            sent += client.data(stream, &[b'x'; 30_000]).1;
            client.write();
            // No more is read than the step asks for, as with a socket.
            let up = core::mem::take(&mut client.out);
            let mut at = 0;
            while at < up.len() {
                told += server.all().iter().map(|told| told.data.len()).sum::<usize>();
                server.write();
                let step = server.step();
                if step.kind != StepKind::AvxStepRead {
                    break;
                }
                let n = step.memory_len.min(up.len() - at).min(8192);
                // SAFETY: the memory was lent for this.
                unsafe {
                    ptr::copy_nonoverlapping(up[at..].as_ptr(), step.memory, n);
                    assert_eq!(avx_did_read(server.connection, NOW, n), 0);
                }
                at += n;
            }
            told += server.all().iter().map(|told| told.data.len()).sum::<usize>();
            client.out = up[at..].to_vec();
            if !client.out.is_empty() {
                break;
            }
            server.write();
            let down = core::mem::take(&mut server.out);
            client.hear(&down);
            client.all();
        }
        assert!(told <= (64 << 10) + 8192, "{version}: {told} told, {sent} sent");
        assert!(told >= 60 << 10, "{version}: {told}");
        assert_eq!(server.release(stream, told), 0);
        server.all();
        server.write();
        assert!(version == 11 || !server.out.is_empty(), "the window is given back");
    }
}

#[test]
fn a_websocket_goes_from_handshake_to_close() {
    let (mut client, mut server) = (End::client(11), End::server());
    assert_eq!(client.ask("chat, superchat"), 0);
    let (_, told) = carry(&mut client, &mut server);
    assert_eq!(kinds(&told), [K::AvxEventRequest, K::AvxEventEnd]);
    assert!(told[0].flags.1, "it is a handshake");
    assert_eq!(server.reply(1, &[field("Sec-WebSocket-Protocol", "chat")]), (0, true));
    let (by_client, by_server) = carry(&mut client, &mut server);
    assert_eq!(kinds(&by_client), [K::AvxEventResponse, K::AvxEventEnd, K::AvxEventOpen]);
    assert_eq!((by_client[0].status, kinds(&by_server)), (101, vec![K::AvxEventOpen]));

    assert_eq!(
        (client.say(true, b"hello", true), client.say(false, &[1; 70_000], true)),
        (0, Code::AvxErrorOutputFull as i32)
    );
    carry(&mut client, &mut server);
    assert_eq!(client.say(false, &[1; 70_000], true), 0, "alone it is taken");
    let (_, told) = carry(&mut client, &mut server);
    assert!(told.iter().all(|told| told.kind == K::AvxEventMessage && !told.flags.2));
    assert_eq!(told.iter().map(|told| told.data.len()).sum::<usize>(), 70_000);
    assert!(told.last().unwrap().flags.3);
    // SAFETY: handles and bytes.
    unsafe {
        assert_eq!(server.ping(b"x"), 0);
        let (told, back) = carry(&mut client, &mut server);
        assert_eq!((kinds(&told), kinds(&back)), (vec![K::AvxEventPing], vec![K::AvxEventPong]));
        assert_eq!(client.close(4000, b"by"), 0);
        let (back, told) = carry(&mut client, &mut server);
        assert_eq!((told[0].kind, told[0].code, &told[0].data[..]), (K::AvxEventClose, 4000, &b"by"[..]));
        assert_eq!(back[0].kind, K::AvxEventClose);
        assert_eq!(client.say(true, b"more", true), Code::AvxErrorWrongState as i32);
        assert_eq!((avx_protocol(client.connection), avx_protocol(server.connection)), (13, 13));
    }
    assert_eq!(server.closed, Some(false));
}

#[test]
fn what_is_no_handshake_is_refused() {
    let mut server = End::server();
    server.hear(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    let told = server.all();
    assert!(!told[0].flags.1);
    assert_eq!(server.reply(2, &[]), (Code::AvxErrorBadUpgrade as i32, false));
    assert_eq!(server.reply(1, &[]), (0, false));
    assert_eq!(server.reply(1, &[]), (Code::AvxErrorBadUpgrade as i32, false), "it was answered");
    server.write();
    assert!(server.out.starts_with(b"HTTP/1.1 4"), "{}", server.out.escape_ascii());
}

#[test]
fn a_wrong_answer_to_a_handshake_ends_the_connection() {
    let mut client = End::client(11);
    assert_eq!((client.ask(""), client.ask("")), (0, Code::AvxErrorWrongState as i32));
    client.all();
    client.write();
    client.hear(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
    );
    assert_eq!(client.next(), Err(Code::AvxErrorHandshake as i32));
    assert_eq!(client.next(), Err(Code::AvxErrorHandshake as i32));
    assert_eq!(client.step().kind, StepKind::AvxStepClose);
}

#[test]
fn a_refused_handshake_is_a_response_like_any_other() {
    let mut client = End::client(11);
    assert_eq!(client.ask(""), 0);
    client.all();
    client.write();
    client.hear(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    let told = client.all();
    assert_eq!(kinds(&told), [K::AvxEventResponse, K::AvxEventData, K::AvxEventEnd]);
    assert_eq!(client.ask(""), 0, "it may be tried again");
}

#[test]
fn a_tunnel_is_told_once_and_its_bytes_are_the_callers() {
    let mut server = End::server();
    server.hear(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nraw bytes");
    let told = server.all();
    assert_eq!(kinds(&told), [K::AvxEventRequest, K::AvxEventEnd]);
    // SAFETY: a handle.
    unsafe { assert_eq!(avx_discard(server.connection, 1), Code::AvxErrorWrongState as i32) };
    assert_eq!(server.full(1, 200, &[], b""), 0);
    let told = server.all();
    assert_eq!((kinds(&told), told[0].code), (vec![K::AvxEventSwitched], 3));
    assert!(server.all().is_empty());
    let mut rest = bytes(b"");
    // SAFETY: a handle and a place.
    unsafe {
        assert_eq!(avx_unread(server.connection, &raw mut rest), 0);
        assert_eq!(slice(rest), b"raw bytes");
        assert_eq!(avx_discard(server.connection, 10), Code::AvxErrorArgument as i32);
        assert_eq!(avx_discard(server.connection, 4), 0);
        assert_eq!(avx_unread(server.connection, &raw mut rest), 0);
    }
    assert_eq!(slice(rest), b"bytes");
    server.write();
    assert_eq!((server.step().kind, &server.out[..13]), (StepKind::AvxStepWait, &b"HTTP/1.1 200 "[..]));
}

#[test]
fn an_error_of_the_peer_stays_and_is_answered() {
    let mut server = End::server();
    // SAFETY: handles.
    unsafe { assert!(avx_peer_error(server.connection).is_null()) };
    server.hear(b"nonsense\r\n\r\n");
    for _ in 0..3 {
        assert_eq!(server.next(), Err(Code::AvxErrorPeer as i32));
    }
    // SAFETY: a handle; the text is static.
    let text = unsafe {
        assert_eq!(avx_peer_error_status(server.connection), 400);
        core::ffi::CStr::from_ptr(avx_peer_error(server.connection)).to_str().unwrap()
    };
    assert!(text.starts_with("peer: ") && text.contains("RFC 9112"), "{text}");
    server.write();
    assert!(server.out.starts_with(b"HTTP/1.1 400 ") && server.shut);
    // SAFETY: a handle.
    unsafe {
        let at = avx_deadline(server.connection);
        assert!(at > NOW && at < u64::MAX);
        assert_eq!(avx_timed_out(server.connection, at), 0);
    }
    server.write();
    assert_eq!(server.closed, Some(false));
}

#[test]
fn a_reader_who_does_not_read_is_reset() {
    let mut server = End::server();
    server.hear(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    server.all();
    assert_eq!(server.full(1, 200, &[], &[b'x'; 50_000]), 0);
    // SAFETY: handles.
    unsafe {
        assert_eq!(avx_did_write(server.connection, NOW, 0), 0);
        let at = avx_deadline(server.connection);
        assert_eq!(at, NOW + 30_000_000_000);
        assert_eq!(avx_timed_out(server.connection, at), 0);
    }
    let step = server.step();
    assert_eq!((step.kind, step.reset), (StepKind::AvxStepClose, true));
}

#[test]
#[cfg_attr(miri, ignore = "long, and nothing new to see")]
fn pipelined_requests_always_find_room_for_their_answers() {
    let mut server = End::server();
    server.hear(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2000));
    let (mut answered, mut written) = (0, 0);
    while answered < 2000 {
        while let Some(told) = server.next().unwrap() {
            if told.kind == K::AvxEventRequest {
                assert_eq!(server.full(told.stream, 200, &[], &[b'x'; 500]), 0, "{answered}");
                answered += 1;
            }
        }
        server.write();
        written += core::mem::take(&mut server.out).len();
    }
    assert!(written > 2000 * 500);
}

#[test]
fn a_graceful_end_answers_what_is_in_flight() {
    for version in [11, 20] {
        let (mut client, mut server) = (End::client(version), End::server());
        let (_, stream) = client.request("GET", "/", &[], 0);
        carry(&mut client, &mut server);
        // SAFETY: a handle.
        assert_eq!(unsafe { avx_shutdown(server.connection, NOW) }, 0);
        assert_eq!(server.full(stream, 200, &[], b"last"), 0);
        let (told, _) = carry(&mut client, &mut server);
        assert!(told.iter().any(|told| told.data == b"last"), "{told:?}");
        assert!(server.shut || version == 20);
    }
}

#[test]
fn a_reset_goes_to_the_peer() {
    let (mut client, mut server) = (End::client(20), End::server());
    let (_, stream) = client.request("GET", "/", &[], 0);
    carry(&mut client, &mut server);
    // SAFETY: handles.
    assert_eq!(unsafe { avx_reset(server.connection, NOW, stream, 8) }, 0);
    let (told, _) = carry(&mut client, &mut server);
    let reset = told.iter().find(|told| told.kind == K::AvxEventReset).expect("a reset");
    assert_eq!((reset.stream, reset.code, reset.flags.4), (stream, 8, true));
    // SAFETY: a handle.
    assert_eq!(unsafe { avx_done(client.connection, NOW, stream) }, 0);
    assert_eq!(server.full(stream, 200, &[], b""), Code::AvxErrorUnknownStream as i32);
}

#[test]
fn the_next_stream_to_write_is_one_that_wants_to() {
    for version in [11, 20] {
        let (mut client, mut server) = (End::client(version), End::server());
        let (_, stream) = client.request("GET", "/", &[], 0);
        carry(&mut client, &mut server);
        assert_eq!(server.respond(stream, 200, -1), (0, true));
        // SAFETY: handles.
        unsafe {
            assert_eq!(avx_next_writable(server.connection), 0);
            assert_eq!(avx_wants_write(server.connection, stream, true), 0);
            assert_eq!(avx_next_writable(server.connection), stream);
        }
    }
}

/// The event itself, and all it points to: looked at behind each call that the header allows.
#[test]
fn an_event_stays_while_it_is_answered() {
    for version in [11, 20] {
        let (mut client, mut server) = (End::client(version), End::server());
        let (_, stream) = client.request("POST", "/path?query", &[field("x-y", "z")], -1);
        client.data(stream, b"content");
        client.all();
        client.write();
        let up = core::mem::take(&mut client.out);
        server.hear(&up);
        let mut event: *const Event = ptr::null();
        let (c, s) = (server.connection, server.scratch);
        // SAFETY: handles of this test.
        while unsafe { avx_next(c, s, NOW, &raw mut event) } == 0 && !event.is_null() {
            // SAFETY: the header says that it is valid through all of this.
            let look = || Told::of(unsafe { &*event });
            let first = look();
            if first.kind == K::AvxEventRequest {
                assert_eq!(server.respond(stream, 200, -1), (0, true));
                assert_eq!(look(), first);
            }
            assert_eq!(server.data(stream, &first.data).1, first.data.len());
            assert_eq!((look(), server.release(stream, first.data.len())), (first.clone(), 0));
            // SAFETY: handles of this test.
            unsafe {
                assert_eq!(
                    (avx_wants_write(c, stream, true), avx_hold(c, NOW), avx_timed_out(c, NOW)),
                    (0, 0, 0)
                );
                assert_eq!(
                    (avx_next_writable(c), avx_deadline(c) > NOW, avx_is_idle(c)),
                    (stream, true, false)
                );
                assert_eq!(
                    (avx_done(c, NOW, 99), avx_reset(c, NOW, 99, 8), avx_did_write(c, NOW, 0)),
                    (0, 0, 0)
                );
            }
            assert_eq!(look(), first);
        }
    }
    // SAFETY: a place.
    let mut socket = End::of(|place| unsafe { avx_websocket_server_new(ptr::null(), NOW, place) });
    socket.hear(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    let mut event: *const Event = ptr::null();
    // SAFETY: handles of this test, and an event that stays while it is answered.
    unsafe {
        assert_eq!(avx_next(socket.connection, socket.scratch, NOW, &raw mut event), 0);
        for _ in 0..3 {
            let data = (*event).data;
            assert_eq!(socket.say(true, slice(data), true), 0);
            assert_eq!(socket.ping(slice(data)), 0);
            assert_eq!(slice((*event).data), b"Hello");
        }
    }
}

/// What a proxy or an echo does: from the event into the answer, without a copy in between.
#[test]
fn fields_and_bytes_of_an_event_can_be_sent_as_they_are() {
    for version in [11, 20] {
        let (mut client, mut server) = (End::client(version), End::server());
        let (_, stream) = client.request("GET", "/path", &[field("x-y", "z"), field("x-z", "y")], 0);
        client.all();
        client.write();
        let up = core::mem::take(&mut client.out);
        server.hear(&up);
        let (c, s, mut event) = (server.connection, server.scratch, ptr::null::<Event>());
        let mut sent = 0;
        // SAFETY: handles of this test, and an event that is valid while it is answered.
        unsafe {
            while avx_next(c, s, NOW, &raw mut event) == 0 && !event.is_null() {
                let Event { kind, fields, fields_len, path, .. } = *event;
                if kind == K::AvxEventRequest {
                    assert_eq!(
                        avx_send_full(c, s, NOW, stream, 200, fields, fields_len, path.data, path.len),
                        0
                    );
                    sent += 1;
                }
            }
        }
        assert_eq!(sent, 1);
        server.write();
        let down = core::mem::take(&mut server.out);
        client.hear(&down);
        let told = client.all();
        let response = told.iter().find(|told| told.kind == K::AvxEventResponse).expect("a response");
        assert!(response.fields.contains(&("x-z".to_owned(), "y".to_owned())), "{response:?}");
        assert!(told.iter().any(|told| told.data == b"/path"));
    }
}

/// What a proxy does: from the event of one connection into the call of another, with one scratch for both.
#[test]
fn what_one_connection_tells_can_be_said_on_another() {
    for (from, to) in [(11, 20), (20, 11), (20, 20)] {
        let (mut client, mut front) = (End::client(from), End::server());
        let (_, stream) = client.request("POST", "/path?query", &[field("x-y", "z"), field("x-z", "y")], -1);
        client.data(stream, b"content");
        client.end(stream, &[]);
        client.all();
        client.write();
        let up = core::mem::take(&mut client.out);
        front.hear(&up);
        let (mut back, mut server) = (End::client(to), End::server());
        let (f, b, s, mut event) = (front.connection, back.connection, front.scratch, ptr::null::<Event>());
        let mut onward = 0;
        // SAFETY: handles of this test, and an event that is valid while nothing else is asked with its scratch.
        unsafe {
            while avx_next(f, s, NOW, &raw mut event) == 0 && !event.is_null() {
                let e = &*event;
                let code = match e.kind {
                    K::AvxEventRequest => {
                        // (Host is the authority's, and how content is framed the other connection's own.)
                        let own = ["host", "transfer-encoding"];
                        let all = core::slice::from_raw_parts(e.fields, e.fields_len);
                        let keep = |f: &&Field| !own.contains(&string(f.name).to_lowercase().as_str());
                        let fields: Vec<Field> = all.iter().filter(keep).copied().collect();
                        let (list, n, place) = (fields.as_ptr(), fields.len(), &raw mut onward);
                        let length = e.content_length;
                        avx_send_request(b, s, NOW, e.method, e.target, e.authority, list, n, length, place)
                    }
                    K::AvxEventData => {
                        avx_send_data(b, s, NOW, onward, e.data.data, e.data.len, ptr::null_mut())
                    }
                    K::AvxEventEnd => avx_send_end(b, s, NOW, onward, e.fields, e.fields_len),
                    _ => 0,
                };
                assert_eq!(code, 0, "{from} to {to}: {:?}", e.kind);
            }
        }
        let (_, told) = carry(&mut back, &mut server);
        assert_eq!(kinds(&told), [K::AvxEventRequest, K::AvxEventData, K::AvxEventEnd], "{from} to {to}");
        assert_eq!((&told[0].text[..], &told[1].data[..]), ("POST /path?query a", &b"content"[..]));
        assert!(told[0].fields.contains(&("x-z".to_owned(), "y".to_owned())));
    }
}

/// "No allocation per event": neither for the event, nor for its answer, once a connection is warm.
#[test]
fn events_and_answers_allocate_nothing() {
    for version in [11, 20] {
        let (mut client, mut server) = (End::client(version), End::server());
        let mut down = Vec::with_capacity(100_000);
        for round in 0..20 {
            let (code, stream) = client.request("GET", "/some/path", &[field("accept", "*/*")], 0);
            assert_eq!(code, 0, "{round}");
            client.all();
            client.write();
            let up = core::mem::take(&mut client.out);
            let fields = [field("content-type", "text/plain")];
            let (c, s, now) = (server.connection, server.scratch, NOW);
            let mut answered = false;
            let n = counting::allocations(|| {
                server.hear(&up);
                let mut event: *const Event = ptr::null();
                // SAFETY: handles of this test, and an event that is looked at while it is valid.
                while unsafe { avx_next(c, s, now, &raw mut event) } == 0 && !event.is_null() {
                    // SAFETY: as above.
                    if unsafe { (*event).kind } == K::AvxEventRequest {
                        assert_eq!(server.full(stream, 200, &fields, b"hi"), 0);
                        answered = true;
                    }
                }
                let step = server.step();
                assert_eq!(step.kind, StepKind::AvxStepWrite);
                down.extend_from_slice(slice(step.bytes));
                // SAFETY: handles of this test.
                unsafe { assert_eq!((avx_did_write(c, now, step.bytes.len), avx_rest(c, s)), (0, 0)) };
            });
            assert!(answered && (round < 10 || n == 0), "HTTP {version}, round {round}: {n} allocations");
            client.hear(&down);
            down.clear();
            assert!(client.all().iter().any(|told| told.kind == K::AvxEventEnd));
        }
    }
}
