//! Exchanges as they should be, between a live server and a client that knows its rights.

use super::{GET, LARGE, Running, Target, is_unharmed, post};
use crate::peer::{Ending, Peer};

/// RFC 9112, section 9.3.
pub fn a_connection_serves_several_requests<T: Target>() {
    let server = T::start(&Default::default());
    let mut peer = Peer::connect(server.addr());
    for _ in 0..3 {
        peer.send(GET);
        let answer = peer.answer();
        assert_eq!((answer.status, &answer.content[..]), (200, &b"hello"[..]));
        assert!(!answer.closes());
    }
    peer.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(peer.answer().closes());
    assert_eq!(peer.ending(), Ending::Closed);
}

/// RFC 9112, section 9.3.2.
pub fn pipelined_requests_are_answered_in_order<T: Target>() {
    let server = T::start(&Default::default());
    let mut peer = Peer::connect(server.addr());
    let requests: String = (0..50)
        .map(|i| match i % 3 {
            0 => GET.to_string(),
            1 => post("/echo", &i.to_string()),
            _ => "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n".to_string(),
        })
        .collect();
    peer.send(requests);
    for i in 0..50 {
        let answer = peer.answer();
        match i % 3 {
            0 => assert_eq!(answer.content, b"hello"),
            1 => assert_eq!(answer.content, i.to_string().as_bytes()),
            _ => assert_eq!(answer.status, 404),
        }
    }
}

/// RFC 9112, section 2.2.
pub fn a_request_may_come_byte_by_byte<T: Target>() {
    let server = T::start(&Default::default());
    let mut peer = Peer::connect(server.addr());
    peer.send_in_pieces(post("/echo", "content"), 1);
    assert_eq!(peer.answer().content, b"content");
    let chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3;a=b\r\ncon\r\n4\r\ntent\r\n0\r\nX: y\r\n\r\n";
    peer.send_in_pieces(chunked, 1);
    assert_eq!(peer.answer().content, b"content");
}

/// Content goes in while it comes out, and none is lost.
pub fn content_goes_both_ways<T: Target>() {
    let server = T::start(&Default::default());
    let content: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    let mut peer = Peer::connect(server.addr());
    let mut writer = Writer::over(&peer);
    writer.start(
        [
            format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", content.len()).as_bytes(),
            &content,
        ]
        .concat(),
    );
    assert!(peer.answer().content == content, "not what was sent");
    writer.wait();
    let mut chunked = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in content.chunks(70_001) {
        chunked.extend([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    writer.start(chunked);
    assert!(peer.answer().content == content, "not what was sent");
    writer.wait();
}

/// More than any buffer holds.
pub fn a_large_response_arrives_whole<T: Target>() {
    let server = T::start(&Default::default());
    let mut peer = Peer::connect(server.addr());
    peer.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = peer.answer();
    assert_eq!(answer.content.len(), LARGE);
    assert!(answer.content.iter().all(|&b| b == b'x'));
    peer.send(GET);
    assert_eq!(peer.answer().content, b"hello");
}

/// RFC 9112, section 6.3.
pub fn responses_to_head_have_no_content<T: Target>() {
    let server = T::start(&Default::default());
    let mut peer = Peer::connect(server.addr());
    peer.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(peer.answer_to("HEAD").field("content-length"), Some("5"));
    peer.send(GET);
    assert_eq!(peer.answer().content, b"hello");
}

/// RFC 9112, section 9.3.
pub fn http_1_0_closes_unless_asked_not_to<T: Target>() {
    let server = T::start(&Default::default());
    let mut peer = Peer::connect(server.addr());
    peer.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(peer.answer().field("connection"), Some("keep-alive"));
    peer.send("POST /echo HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");
    // Nothing but the end of the connection delimits it.
    let answer = peer.answer();
    assert_eq!((answer.field("transfer-encoding"), &answer.content[..]), (None, &b"abc"[..]));
    assert_eq!(peer.ending(), Ending::Closed);
}

/// RFC 9112, section 8: where nothing but the end of the connection delimits the content, it takes a
/// reset to tell the client.
pub fn a_response_that_breaks_off_does_not_look_complete<T: Target>() {
    let server = T::start(&Default::default());
    let mut peer = Peer::connect(server.addr());
    peer.send("GET /cut HTTP/1.0\r\n\r\n");
    assert_eq!(peer.wait_for_the_end(), Ending::Reset);
    let mut peer = Peer::connect(server.addr());
    peer.send("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(peer.take(9), b"HTTP/1.1 ");
    peer.wait_for_the_end();
}

/// RFC 9112, section 9.6: a half-close does not "imply that the client is no longer interested in a
/// response".
pub fn a_client_that_has_sent_everything_gets_its_response<T: Target>() {
    let server = T::start(&Default::default());
    let mut peer = Peer::connect(server.addr());
    peer.send([GET.as_bytes(), post("/echo", "last").as_bytes()].concat());
    peer.half_close();
    assert_eq!(peer.answer().content, b"hello");
    assert_eq!(peer.answer().content, b"last");
    assert_eq!(peer.ending(), Ending::Closed);
}

/// RFC 9110, section 10.1.1.
pub fn a_client_that_waits_for_100_gets_it<T: Target>() {
    let server = T::start(&Default::default());
    let mut peer = Peer::connect(server.addr());
    for _ in 0..2 {
        peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        assert_eq!(peer.answer().status, 100);
        peer.send("hello");
        let answer = peer.answer();
        assert_eq!((answer.status, &answer.content[..]), (200, &b"hello"[..]));
    }
}

/// RFC 9110, section 10.1.1; attack H1-22.
pub fn a_client_that_is_not_invited_is_closed_on<T: Target>() {
    let server = T::start(&Default::default());
    let mut peer = Peer::connect(server.addr());
    peer.send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\nExpect: 100-continue\r\n\r\n");
    let answer = peer.answer();
    assert_eq!((answer.status, answer.closes()), (200, true));
    peer.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(peer.ending(), Ending::Closed);
    is_unharmed(&server);
}

/// RFC 9112, section 9.3; attack H1-21.
pub fn content_nobody_reads_is_read_over<T: Target>() {
    let server = T::start(&Default::default());
    let mut peer = Peer::connect(server.addr());
    peer.send([post("/ignore", &"GET / HTTP/1.1\r\n".repeat(1000)).as_bytes(), GET.as_bytes()].concat());
    assert_eq!(peer.answer().content, b"ignored");
    assert_eq!(peer.answer().content, b"hello");
}

/// RFC 9112, section 9.3; attack H1-21.
pub fn too_much_content_nobody_reads_closes<T: Target>() {
    let server = T::start(&Default::default());
    let mut peer = Peer::connect(server.addr());
    peer.send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n");
    let answer = peer.answer();
    assert_eq!((&answer.content[..], answer.closes()), (&b"ignored"[..], true));
    assert_eq!(peer.ending(), Ending::Closed);
    is_unharmed(&server);
}

/// RFC 9110, section 7.8: the first bytes of the next protocol may follow at once.
pub fn an_upgrade_takes_the_connection_over<T: Target>() {
    let server = T::start(&Default::default());
    let mut peer = Peer::connect(server.addr());
    peer.send("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nfirst");
    let answer = peer.answer();
    assert_eq!((answer.status, answer.field("upgrade")), (101, Some("echo")));
    assert_eq!(peer.take(5), b"first");
    peer.send("second");
    assert_eq!(peer.take(6), b"second");
    peer.half_close();
    assert_eq!(peer.ending(), Ending::Closed);
    is_unharmed(&server);
}

/// The connection goes on.
pub fn an_unknown_path_is_not_found<T: Target>() {
    let server = T::start(&Default::default());
    let mut peer = Peer::connect(server.addr());
    peer.send("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(peer.answer().status, 404);
    peer.send(GET);
    assert_eq!(peer.answer().status, 200);
}

/// Writes on a thread of its own, while the test reads.
struct Writer {
    stream: std::net::TcpStream,
    thread: Option<std::thread::JoinHandle<std::io::Result<()>>>,
}

impl Writer {
    fn over(peer: &Peer) -> Self {
        Writer { stream: peer.stream().try_clone().expect("another handle"), thread: None }
    }

    fn start(&mut self, bytes: Vec<u8>) {
        let mut stream = self.stream.try_clone().expect("another handle");
        self.thread = Some(std::thread::spawn(move || std::io::Write::write_all(&mut stream, &bytes)));
    }

    fn wait(&mut self) {
        let thread = self.thread.take().expect("a thread");
        thread.join().expect("no panic").expect("all was written");
    }
}
