//! What a caller does wrong is told, and nothing happens.
#![allow(unsafe_code, reason = "C's side")]

mod support;

use avx::*;
use core::ffi::CStr;
use core::ptr::{null, null_mut};
use support::*;

const NULL: i32 = Code::AvxErrorNull as i32;
const ARGUMENT: i32 = Code::AvxErrorArgument as i32;
const PROTOCOL: i32 = Code::AvxErrorProtocol as i32;
const UNKNOWN: i32 = Code::AvxErrorUnknownStream as i32;

#[test]
fn null_for_a_connection_is_an_error_of_every_call() {
    let (n, s) = (null_mut(), avx_scratch_new());
    // SAFETY: null is what is tried, and the scratch is a handle.
    unsafe {
        let mut event = null();
        let mut step = core::mem::zeroed();
        assert_eq!(avx_next(n, s, NOW, &raw mut event), NULL);
        assert_eq!(avx_next_step(n, s, &raw mut step), NULL);
        assert_eq!(avx_did_read(n, NOW, 1), NULL);
        assert_eq!(avx_did_write(n, NOW, 1), NULL);
        assert_eq!(avx_read_from(n, s, NOW, b"x".as_ptr(), 1), NULL);
        assert_eq!(avx_deadline(n), u64::MAX);
        assert_eq!(avx_timed_out(n, NOW), NULL);
        assert_eq!(avx_hold(n, NOW), NULL);
        assert_eq!(avx_rest(n, s), NULL);
        assert_eq!(avx_shutdown(n, NOW), NULL);
        assert_eq!(avx_unread(n, null_mut()), NULL);
        assert_eq!(avx_discard(n, 0), NULL);
        assert_eq!((avx_protocol(n), avx_is_idle(n), avx_is_reusable(n)), (0, false, false));
        assert!(avx_peer_error(n).is_null() && avx_peer_error_status(n) == 0);
        let (x, f, b) = (b"x".as_ptr(), null(), bytes(b"x"));
        assert_eq!(avx_send_request(n, s, NOW, b, b, b, f, 0, 0, null_mut()), NULL);
        assert_eq!(avx_send_informational(n, s, NOW, 1, 100, f, 0), NULL);
        assert_eq!(avx_send_response(n, s, NOW, 1, 200, f, 0, 0, null_mut()), NULL);
        assert_eq!(avx_send_full(n, s, NOW, 1, 200, f, 0, x, 1), NULL);
        assert_eq!(avx_send_data(n, s, NOW, 1, x, 1, null_mut()), NULL);
        assert_eq!(avx_send_end(n, s, NOW, 1, f, 0), NULL);
        assert_eq!((avx_reset(n, NOW, 1, 8), avx_release(n, 1, 1), avx_done(n, NOW, 1)), (NULL, NULL, NULL));
        assert_eq!((avx_wants_write(n, 1, true), avx_next_writable(n)), (NULL, 0));
        assert_eq!(avx_websocket_reply(n, s, NOW, 1, f, 0, null_mut()), NULL);
        assert_eq!(avx_websocket_request(n, s, NOW, x, b, b, b, f, 0, null_mut()), NULL);
        assert_eq!(avx_websocket_send(n, s, NOW, 0, true, x, 1, true), NULL);
        assert_eq!(avx_websocket_send_compressed(n, s, NOW, 0, true, x, 1, true), NULL);
        assert_eq!(avx_websocket_ping(n, s, NOW, 0, x, 1), NULL);
        assert_eq!(avx_websocket_close(n, s, NOW, 0, 1000, x, 0), NULL);
        avx_connection_free(null_mut());
        avx_scratch_free(null_mut());
        avx_config_free(null_mut());
        avx_scratch_free(s);
    }
}

#[test]
fn null_for_anything_else_is_an_error_too() {
    let mut server = End::server();
    let (c, s) = (server.connection, server.scratch);
    // SAFETY: null is what is tried; the others are handles.
    unsafe {
        let mut event = null();
        assert_eq!(avx_next(c, null_mut(), NOW, &raw mut event), NULL);
        assert_eq!(avx_next(c, s, NOW, null_mut()), NULL);
        assert_eq!(avx_next_step(c, s, null_mut()), NULL);
        assert_eq!(avx_unread(c, null_mut()), NULL);
        assert_eq!(avx_read_from(c, s, NOW, null(), 1), NULL);
        assert_eq!(avx_read_from(c, s, NOW, null(), 0), 0);
        assert_eq!(avx_send_full(c, s, NOW, 1, 200, null(), 1, null(), 0), NULL);
        assert_eq!(avx_send_full(c, s, NOW, 1, 200, null(), 0, null(), 1), NULL);
        let broken = Field { name: Bytes { data: null(), len: 3 }, value: bytes(b"x"), sensitive: 0 };
        assert_eq!(avx_send_full(c, s, NOW, 1, 200, &raw const broken, 1, null(), 0), NULL);
        assert_eq!(avx_server_new(null(), 0, NOW, null_mut()), NULL);
        assert_eq!(avx_config_set(null_mut(), 1, 1), NULL);
        assert_eq!(avx_config_get(null(), 1, null_mut()), NULL);
        assert_eq!(avx_date(0, null_mut()), NULL);
        let mut place = null_mut();
        assert_eq!(avx_websocket_client_new(null(), NOW, null(), &raw mut place), NULL);
        assert!(place.is_null());
        let (b, f) = (bytes(b"x"), null());
        let nowhere = Bytes { data: null(), len: 1 };
        let mut client = End::client(11);
        let (c, s) = (client.connection, client.scratch);
        assert_eq!(avx_send_request(c, s, NOW, nowhere, b, b, f, 0, 0, null_mut()), NULL);
        assert_eq!(avx_send_request(c, s, NOW, b, nowhere, b, f, 0, 0, null_mut()), NULL);
        assert_eq!(avx_send_request(c, s, NOW, b, b, nowhere, f, 0, 0, null_mut()), NULL);
        assert_eq!(avx_websocket_request(c, s, NOW, null(), b, b, b, f, 0, null_mut()), NULL);
        assert!(client.all().is_empty());
    }
    assert!(server.all().is_empty(), "it still works");
    server.hear(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(server.all().len(), 2);
}

#[test]
fn more_than_was_lent_is_not_believed() {
    let mut server = End::server();
    let c = server.connection;
    // SAFETY: handles.
    unsafe {
        assert_eq!(avx_did_read(c, NOW, 1), ARGUMENT, "nothing was lent");
        let step = server.step();
        assert_eq!(step.kind, StepKind::AvxStepRead);
        assert_eq!(avx_did_read(c, NOW, step.memory_len + 1), ARGUMENT);
        assert_eq!(avx_did_read(c, NOW, usize::MAX), ARGUMENT);
        *step.memory = b'G';
        assert_eq!(avx_did_read(c, NOW, 1), 0);
        assert_eq!(avx_did_read(c, NOW, 1), ARGUMENT, "it was lent once");
        server.step();
        assert_eq!(avx_rest(c, server.scratch), 0);
        assert_eq!(avx_did_read(c, NOW, 1), ARGUMENT, "and given back");
        assert_eq!(avx_did_write(c, NOW, 1), ARGUMENT);
        assert_eq!(avx_did_write(c, NOW, 0), 0);
        assert_eq!(avx_did_read(c, NOW, 0), 0, "the end needs no memory");
        assert_eq!(avx_did_read(c, NOW, 0), 0);
    }
    assert_eq!(server.next(), Err(Code::AvxErrorPeer as i32), "inside a head");
}

#[test]
fn streams_that_are_not_there_are_told_from_those_that_are() {
    for version in [11, 20] {
        let (mut client, mut server) = (End::client(version), End::server());
        let (_, stream) = client.request("GET", "/", &[], 0);
        carry(&mut client, &mut server);
        for stale in [0, stream + 2, 1 << 40, u64::MAX] {
            assert_eq!(server.full(stale, 200, &[], b"hi"), UNKNOWN, "{version}: {stale}");
            assert_eq!(server.respond(stale, 200, -1).0, UNKNOWN);
            assert_eq!((server.data(stale, b"x"), server.end(stale, &[])), ((UNKNOWN, 0), UNKNOWN));
            assert_eq!(server.release(stale, 100), 0);
            // SAFETY: handles.
            unsafe {
                let c = server.connection;
                assert_eq!(
                    (avx_reset(c, NOW, stale, 8), avx_done(c, NOW, stale), avx_wants_write(c, stale, true)),
                    (0, 0, 0)
                );
            }
        }
        assert_eq!(server.data(stream, b"x").0, Code::AvxErrorWrongState as i32, "no head was sent");
        assert_eq!(server.full(stream, 200, &[], b"hi"), 0);
        assert_ne!(server.full(stream, 200, &[], b"hi"), 0, "twice");
        let (told, _) = carry(&mut client, &mut server);
        assert!(told.iter().any(|told| told.data == b"hi"));
    }
}

#[test]
fn what_makes_no_sense_is_refused_and_writes_nothing() {
    let mut server = End::server();
    server.hear(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    server.all();
    for status in [0, 99, 1000, 65_536 + 200, u32::MAX] {
        assert_eq!(server.full(1, status, &[], b""), Code::AvxErrorBadStatus as i32, "{status}");
    }
    assert_eq!(server.respond(1, 200, -2), (ARGUMENT, false));
    assert_eq!(server.respond(1, 200, i64::MIN), (ARGUMENT, false));
    assert_eq!(server.full(1, 200, &[field("a b", "c")], b""), Code::AvxErrorBadFieldName as i32);
    assert_eq!(server.full(1, 200, &[field("a", "c\r\nd: e")], b""), Code::AvxErrorBadFieldValue as i32);
    let (c, s) = (server.connection, server.scratch);
    // SAFETY: handles; lengths that no memory has are what is tried, and no byte is looked at.
    unsafe {
        assert_eq!(avx_send_full(c, s, NOW, 1, 200, null(), 0, b"x".as_ptr(), usize::MAX), ARGUMENT);
        let f = field("a", "b");
        assert_eq!(avx_send_full(c, s, NOW, 1, 200, &raw const f, usize::MAX / 2, null(), 0), ARGUMENT);
        let crooked = (&raw const f).cast::<u8>().add(1).cast::<Field>();
        assert_eq!(avx_send_full(c, s, NOW, 1, 200, crooked, 1, null(), 0), ARGUMENT);
    }
    server.write();
    assert!(server.out.is_empty());
    let many: Vec<Field> = (0..100).map(|_| field("x", "y")).collect();
    assert_eq!(server.full(1, 200, &many, b"hi"), 0, "more fields than fit on the stack");
    server.write();
    assert_eq!(server.out.windows(4).filter(|line| line == b"x: y").count(), 100);
}

#[test]
fn calls_for_another_protocol_or_role_are_told_so() {
    let x = b"x".as_ptr();
    let mut server = End::server();
    let mut client = End::client(11);
    let mut two = End::client(20);
    // SAFETY: handles, bytes and null where it is allowed.
    unsafe {
        let (c, s) = (server.connection, server.scratch);
        assert_eq!(avx_websocket_send(c, s, NOW, 0, true, x, 1, true), PROTOCOL);
        assert_eq!(avx_websocket_ping(c, s, NOW, 0, x, 1), PROTOCOL);
        assert_eq!(avx_websocket_close(c, s, NOW, 0, 1000, x, 0), PROTOCOL);
        assert_eq!(server.ask(""), PROTOCOL);
        assert_eq!(server.request("GET", "/", &[], 0).0, Code::AvxErrorWrongState as i32);
        assert_eq!(client.reply(1, &[]), (PROTOCOL, false));
        assert_eq!(client.full(1, 200, &[], b""), Code::AvxErrorWrongState as i32);
        assert_eq!(two.ask(""), Code::AvxErrorBadUpgrade as i32, "its settings have not come");
        let mut socket = End::of(|place| avx_websocket_server_new(null(), NOW, place));
        assert_eq!(socket.full(1, 200, &[], b""), PROTOCOL);
        assert_eq!((socket.data(1, b"x"), socket.end(1, &[])), ((PROTOCOL, 0), PROTOCOL));
        let c = socket.connection;
        assert_eq!(
            (avx_reset(c, NOW, 1, 8), avx_release(c, 1, 1), avx_done(c, NOW, 1)),
            (PROTOCOL, PROTOCOL, PROTOCOL)
        );
        assert_eq!((avx_next_writable(c), avx_protocol(c), avx_is_idle(c)), (0, 13, false));
        assert_eq!(
            avx_websocket_close(c, socket.scratch, NOW, 0, 70_000, x, 0),
            Code::AvxErrorBadCloseCode as i32
        );
        assert_eq!(
            avx_websocket_close(c, socket.scratch, NOW, 0, 1006, x, 0),
            Code::AvxErrorBadCloseCode as i32
        );
        assert_eq!(avx_websocket_close(c, socket.scratch, NOW, 0, 1000, [0xff].as_ptr(), 1), ARGUMENT);
        assert_eq!(
            avx_websocket_ping(c, socket.scratch, NOW, 0, [0; 126].as_ptr(), 126),
            Code::AvxErrorControlTooLong as i32
        );
        assert_eq!(
            (socket.say(true, b"a", false), socket.say(false, b"b", true)),
            (0, Code::AvxErrorWrongState as i32)
        );
        let mut place = null_mut();
        for version in [1, 11, 30, u32::MAX] {
            assert_eq!(avx_server_new(null(), version, NOW, &raw mut place), ARGUMENT);
        }
        for version in [0, 10, 30] {
            assert_eq!(avx_client_new(null(), version, false, NOW, &raw mut place), ARGUMENT);
        }
        assert!(place.is_null());
    }
    assert!(server.all().is_empty());
}

/// One scratch of another thread's, one connection freed: handles are independent of each other.
#[test]
fn a_connection_goes_on_with_another_scratch() {
    let mut server = End::server();
    server.hear(b"GET / HTTP/1.1\r\nHo");
    assert!(server.all().is_empty());
    // SAFETY: handles; the old scratch is not used again.
    unsafe { avx_scratch_free(core::mem::replace(&mut server.scratch, avx_scratch_new())) };
    server.hear(b"st: a\r\n\r\n");
    assert_eq!(server.all().len(), 2);
}

#[test]
#[cfg_attr(miri, ignore = "long, and nothing new to see")]
fn every_option_takes_what_it_says_and_survives_what_makes_no_sense() {
    let config = avx_config_new();
    // SAFETY: handles and places.
    unsafe {
        for &option in SETTINGS {
            let mut number = 0;
            assert_eq!(avx_config_get(config, option as u32, &raw mut number), 0);
            assert_eq!(avx_config_set(config, option as u32, number), 0);
            assert_eq!(avx_config_get(config, option as u32, null_mut()), 0);
            let mut again = 0;
            assert_eq!(avx_config_get(config, option as u32, &raw mut again), 0);
            assert_eq!(again, number, "{option:?}");
        }
        for option in [0, 13, 19, 1000, u32::MAX] {
            assert_eq!(avx_config_set(config, option, 1), ARGUMENT);
            assert_eq!(avx_config_get(config, option, null_mut()), ARGUMENT);
        }
        assert_eq!(avx_config_set(config, Setting::AvxOptionBareLf as u32, 2), ARGUMENT);
        assert_eq!(avx_config_set(config, Setting::AvxOptionFields as u32, 65_536), ARGUMENT);
        assert_eq!(avx_config_set(config, Setting::AvxOptionHead as u32, u64::MAX), ARGUMENT);
        for (option, wrong) in [
            (Setting::AvxOptionMaxFrame, [16_383, 1 << 24]),
            (Setting::AvxOptionPipelined, [0, 33]),
            (Setting::AvxOptionConnectionWindow, [65_534, 1 << 31]),
            (Setting::AvxOptionStreamWindow, [1 << 31, u64::MAX]),
        ] {
            for value in wrong {
                assert_eq!(avx_config_set(config, option as u32, value), ARGUMENT, "{option:?} {value}");
            }
        }
        avx_config_free(config);
        // Whatever the numbers are, nothing breaks but the connection.
        for &option in SETTINGS {
            for value in [0, 1, 2, 255, 65_535, 0x7fff_ffff, 0xffff_ffff, u64::MAX] {
                for version in [11, 20] {
                    let config = avx_config_new();
                    avx_config_set(config, option as u32, value);
                    let mut server = End::of(|place| avx_server_new(config, 0, NOW, place));
                    let mut client = End::of(|place| avx_client_new(config, version, false, NOW, place));
                    avx_config_free(config);
                    let (_, stream) = client.request("POST", "/", &[field("a", "b")], 5);
                    client.data(stream, b"hello");
                    client.end(stream, &[]);
                    carry(&mut client, &mut server);
                    server.full(stream, 200, &[], &[b'x'; 3000]);
                    carry(&mut client, &mut server);
                    for end in [&mut client, &mut server] {
                        let at = avx_deadline(end.connection);
                        let code = avx_timed_out(end.connection, at);
                        assert_eq!(code, 0, "{option:?} {value}");
                        assert_ne!(end.next(), Err(Code::AvxErrorUnusable as i32), "{option:?} {value}");
                        end.write();
                    }
                }
            }
        }
    }
}

#[test]
fn fields_are_found_by_name_and_sent_with_every_response() {
    let mut server = End::server();
    let (c, s) = (server.connection, server.scratch);
    let preset = [field("Server", "x"), field("Date", "now")];
    // SAFETY: handles, lists, texts and an event that is valid.
    unsafe {
        let named = |fields, n, name: &CStr| avx_field_named(fields, n, name.as_ptr());
        assert!(avx_field_named(preset.as_ptr(), 2, null()).is_null() && named(null(), 2, c"a").is_null());
        assert!(named(null(), 0, c"a").is_null() && named(preset.as_ptr(), 1, c"date").is_null());
        assert_eq!(named(preset.as_ptr(), 2, c"dAtE"), &raw const preset[1]);
        assert_eq!(avx_preset(null_mut(), preset.as_ptr(), 2), NULL);
        assert_eq!(avx_preset(s, null(), 2), NULL);
        assert_eq!(avx_preset(s, preset.as_ptr(), 2), 0);
        let wrong = [field("Connection", "close"), field("a b", "c"), field("a", "\r\n")];
        for (i, code) in [Code::AvxErrorFramingField, Code::AvxErrorBadFieldName, Code::AvxErrorBadFieldValue]
            .iter()
            .enumerate()
        {
            assert_eq!(avx_preset(s, &raw const wrong[i], 1), *code as i32, "{i}: what was set stays");
        }
        server.hear(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2));
        let mut event = null();
        assert_eq!(avx_next(c, s, NOW, &raw mut event), 0);
        let host = named((*event).fields, (*event).fields_len, c"HOST");
        assert_eq!(slice((*host).value), b"a");
        assert_eq!(server.full(1, 200, &[field("server", "own")], b""), 0);
        server.all();
        server.all();
        assert_eq!(avx_preset(s, null(), 0), 0);
        assert_eq!(server.full(2, 200, &[], b""), 0);
    }
    server.write();
    let out = String::from_utf8(core::mem::take(&mut server.out)).unwrap();
    let (first, second) = out.split_at(out.rfind("HTTP/1.1").unwrap());
    assert!(
        first.contains("server: own\r\n") && first.contains("Date: now\r\n") && !first.contains("Server: x"),
        "{first}"
    );
    assert!(!second.contains("Date"), "{second}");
}

#[test]
fn every_code_has_a_text() {
    let text = |code| {
        // SAFETY: static text.
        unsafe { CStr::from_ptr(avx_strerror(code)) }.to_str().unwrap().to_owned()
    };
    let mut texts: Vec<String> = CODES.iter().map(|&code| text(code as i32)).collect();
    assert!(texts.iter().all(|text| !text.is_empty() && text != "unknown code"));
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), CODES.len());
    assert_eq!((text(1), text(i32::MIN)), ("unknown code".to_owned(), "unknown code".to_owned()));
    // SAFETY: static text, and room for a date.
    unsafe {
        assert_eq!(CStr::from_ptr(avx_version()).to_str(), Ok(env!("CARGO_PKG_VERSION")));
        let mut date = [0; 29];
        assert_eq!(avx_date(784_111_777, date.as_mut_ptr()), 0);
        assert_eq!(&date, b"Sun, 06 Nov 1994 08:49:37 GMT");
        let header = include_str!("../include/avx.h");
        assert!(header.contains(&format!("#define AVX_ABI_VERSION {}\n", avx_abi_version())));
        assert!(include_str!("../build.rs").contains(&format!("libavx.so.{}", avx_abi_version())));
    }
}

/// The layout that programs were compiled for. Whoever has to change this test changes AVX_ABI_VERSION, unless a member
/// was appended to an event.
#[test]
#[cfg(target_pointer_width = "64")]
fn the_layout_is_that_of_abi_0() {
    use core::mem::offset_of;
    assert_eq!(avx_abi_version(), 0);
    assert_eq!((size_of::<Bytes>(), size_of::<Field>(), size_of::<Step>()), (16, 40, 40));
    let field = (offset_of!(Field, name), offset_of!(Field, value), offset_of!(Field, sensitive));
    assert_eq!(field, (0, 16, 32));
    let step =
        (offset_of!(Step, kind), offset_of!(Step, reset), offset_of!(Step, bytes), offset_of!(Step, memory));
    assert_eq!((step, offset_of!(Step, memory_len)), ((0, 4, 8, 24), 32));
    let event = [
        (offset_of!(Event, kind), 0),
        (offset_of!(Event, version), 4),
        (offset_of!(Event, stream), 8),
        (offset_of!(Event, content_length), 16),
        (offset_of!(Event, status), 24),
        (offset_of!(Event, code), 28),
        (offset_of!(Event, method), 32),
        (offset_of!(Event, target), 48),
        (offset_of!(Event, path), 64),
        (offset_of!(Event, query), 80),
        (offset_of!(Event, authority), 96),
        (offset_of!(Event, reason), 112),
        (offset_of!(Event, data), 128),
        (offset_of!(Event, fields), 144),
        (offset_of!(Event, fields_len), 152),
        (offset_of!(Event, dropped), 160),
        (offset_of!(Event, expects_continue), 164),
        (offset_of!(Event, websocket), 165),
        (offset_of!(Event, text), 166),
        (offset_of!(Event, last), 167),
        (offset_of!(Event, by_peer), 168),
        (offset_of!(Event, upgrade), 176),
        (offset_of!(Event, scheme), 192),
    ];
    assert!(event.iter().all(|(offset, expected)| offset == expected), "{event:?}");
    let codes: Vec<i32> = CODES.iter().map(|&code| code as i32).collect();
    assert_eq!(codes, (-6..=0).rev().chain((-39..=-20).rev()).collect::<Vec<_>>());
    let options: Vec<u32> = SETTINGS.iter().map(|&option| option as u32).collect();
    let expected = (1..=12).chain(20..=29).chain(40..=64).chain(70..=78).chain(90..=95);
    assert_eq!(options, expected.collect::<Vec<_>>());
}
