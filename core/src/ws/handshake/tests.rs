use super::*;
use crate::ws::Deflate;
use crate::{
    BodyLen, Config, Event, Http, Instant, Machine, Method, Recv, Request, Response, Scratch, Status,
    StreamId, h1, h2,
};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

const NOW: Instant = Instant::ZERO;
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn config() -> Arc<Config> {
    let mut config = Config::default();
    config.h2.connect_protocol = true;
    Arc::new(config)
}

/// The request of section 1.3, with some lines replaced, left out (an empty value) or added.
fn request(changes: &[(&str, &str)]) -> String {
    let mut lines = alloc::vec![
        ("Host", "server.example.com"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", KEY),
        ("Origin", "http://example.com"),
        ("Sec-WebSocket-Protocol", "chat, superchat"),
        ("Sec-WebSocket-Version", "13"),
    ];
    for (name, value) in changes {
        match lines.iter_mut().find(|line| line.0 == *name) {
            Some(line) => line.1 = value,
            None => lines.push((name.trim_start_matches('+'), value)),
        }
    }
    let lines = lines.iter().filter(|line| !line.1.is_empty());
    lines.fold(String::new(), |text, (name, value)| text + &format!("{name}: {value}\r\n")) + "\r\n"
}

/// What a server makes of a request with this first line.
fn on_server<T>(start: &str, lines: &str, then: impl FnOnce(&crate::RequestHead<'_>) -> T) -> T {
    let mut input = format!("{start}\r\n{lines}").into_bytes();
    let (mut m, mut scratch) = (h1::Server::new(config(), NOW), Scratch::new());
    match m.recv(NOW, &mut input, &mut scratch) {
        Ok(Recv::Event { event: Event::Request { head, .. }, .. }) => then(&head),
        other => panic!("{other:?}"),
    }
}

fn refused(changes: &[(&str, &str)]) -> Option<Refusal> {
    on_server("GET /chat HTTP/1.1", &request(changes), |head| check(head).err())
}

#[test]
fn rfc6455_1_3_the_example_is_accepted() {
    on_server("GET /chat HTTP/1.1", &request(&[]), |head| {
        let offer = check(head).unwrap();
        assert_eq!(offer.origin(), Some(&b"http://example.com"[..]));
        assert_eq!(offer.protocols().collect::<Vec<_>>(), [&b"chat"[..], b"superchat"]);
        let parts = check_parts(head.method(), head.version(), head.upgrade(), head.fields()).unwrap();
        assert_eq!(parts.origin(), offer.origin());
        let answer = offer.answer(Some(b"chat"), None).unwrap();
        assert_eq!(answer.status(), Status::SWITCHING_PROTOCOLS);
        assert_eq!(
            format!("{:?}", &answer.fields()[..]),
            "[Upgrade: websocket, Connection: Upgrade, Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=, \
             Sec-WebSocket-Protocol: chat]"
        );
        assert!(offer.answer(Some(b"other"), None).is_err());
        assert_eq!(offer.answer(None, None).unwrap().fields().len(), 3);
    });
}

#[test]
fn rfc6455_4_2_1_lists_may_hold_more_and_stand_in_any_case() {
    for changes in [
        [("Upgrade", "h2c, WebSocket"), ("Connection", "keep-alive, UPGRADE")],
        [("Sec-WebSocket-Protocol", ""), ("Origin", "")],
        [("+Sec-WebSocket-Protocol", "third"), ("+Sec-WebSocket-Extensions", "foo; bar=\"1\", , baz")],
        [("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEC=="), ("Sec-WebSocket-Version", " 13\t")],
    ] {
        assert_eq!(refused(&changes), None, "{changes:?}");
    }
}

#[test]
fn ws_03_rfc6455_4_2_1_what_is_no_handshake_is_refused() {
    for (changes, refusal) in [
        (&[("Upgrade", "")][..], Refusal::NotWebSocket),
        (&[("Upgrade", "h2c")], Refusal::NotWebSocket),
        (&[("Upgrade", "websocket13")], Refusal::NotWebSocket),
        (&[("Connection", "")], Refusal::Connection),
        (&[("Connection", "keep-alive")], Refusal::Connection),
        (&[("Sec-WebSocket-Version", "")], Refusal::Version),
        (&[("Sec-WebSocket-Version", "8")], Refusal::Version),
        (&[("Sec-WebSocket-Version", "13, 8")], Refusal::Version),
        (&[("Sec-WebSocket-Version", "013")], Refusal::Version),
        (&[("+Sec-WebSocket-Version", "13")], Refusal::Version),
        (&[("Sec-WebSocket-Key", "")], Refusal::Key),
        (&[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j")], Refusal::Key),
        (&[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZTE=")], Refusal::Key),
        (&[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ")], Refusal::Key),
        (&[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j!Q==")], Refusal::Key),
        (&[("+Sec-WebSocket-Key", KEY)], Refusal::Key),
        (&[("Sec-WebSocket-Protocol", "a b")], Refusal::Protocol),
        (&[("Sec-WebSocket-Protocol", "a/b")], Refusal::Protocol),
        (&[("+Sec-WebSocket-Extensions", "foo;;bar")], Refusal::Extensions),
        (&[("+Sec-WebSocket-Extensions", "foo; bar=\"a b\"")], Refusal::Extensions),
    ] {
        assert_eq!(refused(changes), Some(refusal), "{changes:?}");
    }
    let by = |start: &str| on_server(start, &request(&[]), |head| check(head).err());
    assert_eq!(by("POST /chat HTTP/1.1"), Some(Refusal::Method));
    assert_eq!(by("GET /chat HTTP/1.0"), Some(Refusal::HttpVersion));
}

#[test]
fn rfc6455_4_2_2_a_refusal_can_be_sent_as_it_is() {
    let all = [
        Refusal::NotWebSocket,
        Refusal::Method,
        Refusal::HttpVersion,
        Refusal::Host,
        Refusal::Connection,
        Refusal::Key,
        Refusal::Version,
        Refusal::Protocol,
        Refusal::Extensions,
        Refusal::VersionOfTunnel,
    ];
    for refusal in all {
        let mut input = format!("GET / HTTP/1.1\r\n{}", request(&[])).into_bytes();
        let (mut m, mut scratch, mut out) = (h1::Server::new(config(), NOW), Scratch::new(), Vec::new());
        let Ok(Recv::Event { .. }) = m.recv(NOW, &mut input, &mut scratch) else { panic!() };
        let response = Response::new(refusal.status(), refusal.fields());
        m.send_full(NOW, StreamId(1), &response, b"", &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        if refusal.status() == Status::UPGRADE_REQUIRED {
            assert!(
                text.contains("Upgrade: websocket\r\n") && text.contains("Connection: Upgrade\r\n"),
                "{text}"
            );
            assert!(text.contains("Sec-WebSocket-Version: 13\r\n"), "{text}");
        }
        assert!(format!("{refusal}").starts_with("peer: "));
    }
}

/// What a client makes of the answer to its handshake.
fn on_client<T>(
    handshake: &Handshake<'_>,
    answer: &str,
    then: impl FnOnce(Result<Accepted<'_>, Failure>) -> T,
) -> T {
    let (mut m, mut scratch, mut out) = (h1::Client::new(config(), NOW), Scratch::new(), Vec::new());
    let fields = handshake.fields();
    let request = Request { method: Method::Get, target: b"/chat", authority: b"a", fields: &fields };
    m.send_request(NOW, &request, BodyLen::Empty, &mut out).unwrap();
    let mut input = Vec::from(answer);
    match m.recv(NOW, &mut input, &mut scratch) {
        Ok(Recv::Event { event: Event::Response { head, .. }, .. }) => then(handshake.check(&head)),
        other => panic!("{other:?}"),
    }
}

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

fn ours() -> Handshake<'static> {
    Handshake::new(*b"the sample nonce").protocols(b"chat, superchat")
}

#[test]
fn ws_03_rfc6455_4_1_a_client_takes_only_the_answer_to_its_key() {
    let with = |lines: &str| on_client(&ours(), &format!("{SWITCH}{lines}\r\n"), |result| result.map(|_| ()));
    assert_eq!(with(ACCEPT), Ok(()));
    assert_eq!(with(""), Err(Failure::Accept));
    assert_eq!(with("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n"), Err(Failure::Accept));
    assert_eq!(with(&format!("Sec-WebSocket-Accept: {KEY}\r\n")), Err(Failure::Accept));
    assert_eq!(with(&ACCEPT.repeat(2)), Err(Failure::Accept));
    assert_eq!(with(&ACCEPT.replace("Accept: ", "Accept: \t ")), Ok(()));
    let refused = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    on_client(&ours(), refused, |result| assert_eq!(result, Err(Failure::Status(Status::FORBIDDEN))));
    let unnamed = |upgrade: &str, connection: &str| {
        let answer =
            format!("HTTP/1.1 101 S\r\nUpgrade: {upgrade}\r\nConnection: {connection}\r\n{ACCEPT}\r\n");
        on_client(&ours(), &answer, |result| result.map(|_| ()))
    };
    assert_eq!(unnamed("WebSocket", "keep-alive, upgrade"), Ok(()));
    assert_eq!(unnamed("websocket, websocket", "upgrade"), Err(Failure::Upgrade));
}

#[test]
fn rfc6455_4_1_a_client_takes_only_a_protocol_that_it_asked_for() {
    let with = |lines: &str| {
        on_client(&ours(), &format!("{SWITCH}{ACCEPT}{lines}\r\n"), |result| {
            result.map(|accepted| accepted.protocol.map(<[u8]>::to_vec))
        })
    };
    assert_eq!(with(""), Ok(None));
    assert_eq!(with("Sec-WebSocket-Protocol: superchat\r\n"), Ok(Some(b"superchat".to_vec())));
    for bad in ["other", "Chat", "chat, superchat", "", "chat\r\nSec-WebSocket-Protocol: chat"] {
        assert_eq!(with(&format!("Sec-WebSocket-Protocol: {bad}\r\n")), Err(Failure::Protocol), "{bad}");
    }
}

#[test]
fn rfc6455_4_1_a_client_takes_only_an_extension_that_it_offered() {
    let with = |handshake: &Handshake<'_>, lines: &str| {
        on_client(
            handshake,
            &format!("{SWITCH}{ACCEPT}Sec-WebSocket-Extensions: {lines}\r\n\r\n"),
            |result| result.map(|accepted| accepted.deflate.is_some()),
        )
    };
    let deflate = ours().deflate(&Deflate::default());
    assert_eq!(with(&deflate, "permessage-deflate; server_max_window_bits=12"), Ok(true));
    assert_eq!(with(&deflate, "permessage-deflate"), Ok(true));
    assert_eq!(with(&deflate, ""), Ok(false));
    for bad in ["other", "permessage-deflate; unknown", "permessage-deflate, permessage-deflate", "a;;b"] {
        assert_eq!(with(&deflate, bad), Err(Failure::Extension), "{bad}");
    }
    assert_eq!(with(&ours(), "permessage-deflate"), Err(Failure::Extension));
}

#[test]
fn rfc8441_5_1_the_example_is_accepted_over_http_2() {
    let (mut client, mut server) = (h2::Client::new(config(), NOW), h2::Server::new(config(), NOW));
    let (mut up, mut down, mut scratch) = (Vec::new(), Vec::new(), Scratch::new());
    // The client has to know that the server takes such requests.
    server.transmit(NOW, &mut down);
    let n = down.len();
    drain(&mut client, &mut down[..n], &mut scratch, |_, _| {});
    let handshake = Handshake::extended().protocols(b"chat, superchat").deflate(&Deflate::default());
    let fields = handshake.fields();
    let request = Request {
        method: Method::Connect,
        target: b"/chat",
        authority: b"server.example.com",
        fields: &fields,
    };
    client.send_request(NOW, &request, BodyLen::Streaming, &mut up).unwrap();
    down.clear();
    let mut answered = false;
    drain(&mut server, &mut up, &mut scratch, |m, event| {
        if let Event::Request { stream, head, .. } = event {
            let offer = check(&head).unwrap();
            let agreed = offer.deflate(&Deflate::default());
            let answer = offer.answer(Some(b"superchat"), agreed.as_ref()).unwrap();
            assert_eq!((answer.status(), answer.fields().len()), (Status::OK, 2));
            let fields = answer.fields();
            let response = Response::new(answer.status(), &fields);
            m.send_response(NOW, stream, &response, BodyLen::Streaming, &mut down).unwrap();
            answered = true;
        }
    });
    assert!(answered);
    let mut accepted = false;
    drain(&mut client, &mut down, &mut scratch, |_, event| {
        if let Event::Response { head, .. } = event {
            let got = handshake.check(&head).unwrap();
            assert_eq!((got.protocol, got.deflate.is_some()), (Some(&b"superchat"[..]), true));
            accepted = true;
        }
    });
    assert!(accepted);
}

fn drain<M: Http>(
    m: &mut M,
    input: &mut [u8],
    scratch: &mut Scratch,
    mut then: impl FnMut(&mut M, Event<'_>),
) {
    let mut at = 0;
    while let Recv::Event { consumed, event } = m.recv(NOW, &mut input[at..], scratch).unwrap() {
        then(m, event);
        at += consumed;
    }
}

/// What a server makes of a CONNECT over HTTP/2 with these lines.
fn over_h2(method: Method<'_>, lines: &[(&str, &str)]) -> Option<Refusal> {
    let mut client = h2::Client::new(config(), NOW);
    let (mut up, mut scratch) = (Vec::new(), Scratch::new());
    let mut settings = Vec::new();
    h2::Server::new(config(), NOW).transmit(NOW, &mut settings);
    drain(&mut client, &mut settings, &mut scratch, |_, _| {});
    let fields: Vec<_> = lines.iter().map(|(name, value)| crate::Field::new(*name, *value)).collect();
    let request = Request { method, target: b"/", authority: b"a", fields: &fields };
    client.send_request(NOW, &request, BodyLen::Streaming, &mut up).unwrap();
    let mut refusal = None;
    drain(&mut h2::Server::new(config(), NOW), &mut up, &mut scratch, |m, event| {
        if let Event::Request { stream, head, .. } = event {
            refusal = Some(check(&head).err());
            // Whatever it is, it can be answered.
            let reply = reply(&head);
            assert_eq!(reply.accepts(), refusal == Some(None));
            let fields = reply.fields();
            let response = Response::new(reply.status(), &fields);
            m.send_full(NOW, stream, &response, b"", &mut Vec::new()).unwrap();
        }
    });
    refusal.expect("a request")
}

#[test]
fn ws_16_rfc8441_5_keys_mean_nothing_and_the_version_is_still_13() {
    let protocol = (":protocol", "websocket");
    let version = ("sec-websocket-version", "13");
    assert_eq!(over_h2(Method::Connect, &[protocol, version]), None);
    assert_eq!(over_h2(Method::Connect, &[protocol, version, ("sec-websocket-key", "x")]), None);
    assert_eq!(over_h2(Method::Connect, &[protocol]), Some(Refusal::VersionOfTunnel));
    assert_eq!(
        over_h2(Method::Connect, &[protocol, ("sec-websocket-version", "8")]),
        Some(Refusal::VersionOfTunnel)
    );
    assert_eq!(over_h2(Method::Connect, &[(":protocol", "other"), version]), Some(Refusal::NotWebSocket));
    assert_eq!(over_h2(Method::Get, &[version]), Some(Refusal::NotWebSocket));
    assert_eq!(Refusal::VersionOfTunnel.fields().len(), 1);
}

#[test]
fn ws_15_nothing_is_compressed_unless_somebody_asks_for_it() {
    assert_eq!(Config::default().ws.deflate, None);
    let deflate = Deflate::default();
    assert_eq!((deflate.window_bits, deflate.peer_window_bits), (12, 12));
    assert!(ours().fields().iter().all(|field| !field.is("Sec-WebSocket-Extensions")));
}

#[test]
fn what_both_ends_of_this_crate_say_is_understood() {
    let handshake = ours().deflate(&Deflate::default());
    let (mut client, mut server) = (h1::Client::new(config(), NOW), h1::Server::new(config(), NOW));
    let (mut up, mut down, mut scratch) = (Vec::new(), Vec::new(), Scratch::new());
    let fields = handshake.fields();
    let request = Request { method: Method::Get, target: b"/", authority: b"a", fields: &fields };
    client.send_request(NOW, &request, BodyLen::Empty, &mut up).unwrap();
    let Ok(Recv::Event { event: Event::Request { stream, head, .. }, consumed }) =
        server.recv(NOW, &mut up, &mut scratch)
    else {
        panic!()
    };
    let offer = check(&head).unwrap();
    let agreed = offer.deflate(&Deflate::default()).unwrap();
    let answer = offer.answer(None, Some(&agreed)).unwrap();
    server.send_full(NOW, stream, &Response::new(answer.status(), &answer.fields()), b"", &mut down).unwrap();
    assert_eq!(consumed, up.len());
    let Ok(Recv::Event { event: Event::Response { head, .. }, .. }) =
        client.recv(NOW, &mut down, &mut scratch)
    else {
        panic!()
    };
    assert_eq!(handshake.check(&head).unwrap().deflate, Some(agreed));
}

#[test]
fn a_reply_is_what_check_says() {
    for changes in
        [&[][..], &[("Upgrade", "")], &[("Sec-WebSocket-Key", "short")], &[("Sec-WebSocket-Version", "8")]]
    {
        on_server("GET /chat HTTP/1.1", &request(changes), |head| {
            let reply = reply(head);
            let expected = check(head).map(|offer| offer.answer(None, None).unwrap());
            assert_eq!(reply.accepts(), expected.is_ok());
            match expected {
                Ok(answer) => {
                    assert_eq!((reply.status(), &*reply.fields()), (answer.status(), &*answer.fields()))
                }
                Err(no) => assert_eq!((reply.status(), &*reply.fields()), (no.status(), no.fields())),
            }
        });
    }
}
