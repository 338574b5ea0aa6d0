//! What goes wrong outside of a protocol: every runtime says what the standard library says.

mod service;

use avx_http::client::{Connection, Error, Options, Request};
use avx_http::rt::Runtime;
use avx_http::{Address, Router, Server};
use service::Host;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::pin::pin;
use std::process::Command;
use std::task::{Context, Waker};

on_each_runtime! {
    an_address_in_use_is_an_error
    an_address_in_use_is_an_error_whatever_the_number_of_workers
    an_address_of_elsewhere_is_an_error
    a_server_without_an_address_does_not_start
    a_connection_that_is_refused_says_so
    an_address_that_cannot_be_reached_says_so
    a_host_that_does_not_exist_says_so
    a_unix_socket_that_is_not_there_says_so
    a_full_backlog_of_a_unix_socket_is_waited_for
    descriptors_that_run_out_are_an_error
    #[ignore = "takes all descriptors: the test above runs it in a process of its own"]
    takes_all_descriptors
}

/// The same kind, the same number, the same words.
#[track_caller]
fn same(ours: &io::Error, theirs: io::Error) {
    let of = |error: &io::Error| (error.kind(), error.raw_os_error(), error.to_string());
    assert_eq!(of(ours), of(&theirs));
}

fn server(address: impl Into<Address>) -> Server<Router> {
    Server::new(Router::new().get("/", || "hello")).bind(address)
}

async fn client<R: Runtime>(rt: &R, address: impl Into<Address>) -> Result<Connection, Error> {
    Connection::connect(rt, address, &Options::default()).await
}

#[track_caller]
fn refused(result: Result<Connection, Error>) -> io::Error {
    match result {
        Err(Error::Connect(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn an_address_in_use_is_an_error<H: Host>() {
    H::run(async |rt: H::Rt| {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = taken.local_addr().unwrap();
        same(&server(addr).start(&rt).await.unwrap_err(), TcpListener::bind(addr).unwrap_err());
        drop(taken);
        let first = server(addr).start(&rt).await.unwrap();
        same(&server(addr).start(&rt).await.unwrap_err(), TcpListener::bind(addr).unwrap_err());
        first.shutdown();
        first.join().await;
        server(addr).start(&rt).await.unwrap();
    });
}

/// Several sockets of one server share its address; those of another server do not.
fn an_address_in_use_is_an_error_whatever_the_number_of_workers<H: Host>() {
    H::run_on_two(async |rt: H::Rt| {
        let first = server("127.0.0.1:0").start(&rt).await.unwrap();
        let Address::Inet(addr) = first.local_addrs()[0] else { panic!("no address") };
        same(&server(addr).start(&rt).await.unwrap_err(), TcpListener::bind(addr).unwrap_err());
        first.shutdown();
        first.join().await;
        let twice = server(addr).bind(addr).start(&rt).await;
        assert_eq!(twice.unwrap_err().kind(), ErrorKind::AddrInUse);
        server(addr).start(&rt).await.unwrap();
    });
}

fn an_address_of_elsewhere_is_an_error<H: Host>() {
    // RFC 5737: for documentation, and so nobody's.
    let elsewhere: SocketAddr = "192.0.2.1:0".parse().unwrap();
    H::run(async |rt: H::Rt| {
        let error = server(elsewhere).start(&rt).await.unwrap_err();
        same(&error, TcpListener::bind(elsewhere).unwrap_err());
    });
}

fn a_server_without_an_address_does_not_start<H: Host>() {
    H::run(async |rt: H::Rt| {
        let error = Server::new(Router::new()).start(&rt).await.unwrap_err();
        assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::InvalidInput, "no address to listen on"));
        let error = server("no.such.host.invalid:80").start(&rt).await.unwrap_err();
        same(&error, "no.such.host.invalid:80".to_socket_addrs().unwrap_err());
    });
}

fn a_connection_that_is_refused_says_so<H: Host>() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    H::run(async |rt: H::Rt| {
        let error = client(&rt, nobody).await.unwrap_err();
        assert!(error.is_unprocessed() && error.to_string().starts_with("connect: "), "{error}");
        same(&refused(Err(error)), TcpStream::connect(nobody).unwrap_err());
    });
}

fn an_address_that_cannot_be_reached_says_so<H: Host>() {
    H::run(async |rt: H::Rt| {
        // Everybody, which no connection goes to; an address that lacks its link; no port.
        for addr in ["255.255.255.255:80", "[fe80::1]:80", "[ff02::1]:80"] {
            let addr: SocketAddr = addr.parse().unwrap();
            same(&refused(client(&rt, addr).await), TcpStream::connect(addr).unwrap_err());
        }
    });
}

fn a_host_that_does_not_exist_says_so<H: Host>() {
    H::run(async |rt: H::Rt| {
        let Err(Error::Resolve(error)) = client(&rt, "no.such.host.invalid:80").await else {
            panic!("it exists")
        };
        same(&error, "no.such.host.invalid:80".to_socket_addrs().unwrap_err());
        let Err(Error::Resolve(error)) = client(&rt, "no port").await else { panic!("it has one") };
        assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::InvalidInput, "no port: not host:port"));
    });
}

fn a_unix_socket_that_is_not_there_says_so<H: Host>() {
    use std::os::unix::net::UnixStream;
    let there = std::env::temp_dir();
    for path in [there.join("avx-no-such-socket"), there.clone(), there.join("x".repeat(200))] {
        H::run(async |rt: H::Rt| {
            let error = refused(client(&rt, path.clone()).await);
            let theirs = UnixStream::connect(&path).unwrap_err();
            assert_eq!(
                (error.kind(), error.raw_os_error()),
                (theirs.kind(), theirs.raw_os_error()),
                "{error}"
            );
        });
    }
}

fn a_full_backlog_of_a_unix_socket_is_waited_for<H: Host>() {
    use socket2::{Domain, SockAddr, Socket, Type};
    let file = format!("avx-backlog-{}-{:?}", std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(file);
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    listener.listen(0).unwrap();
    H::run(async |rt: H::Rt| {
        let first = client(&rt, path.clone()).await.unwrap();
        let mut second = pin!(client(&rt, path.clone()));
        assert!(second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "there is room");
        listener.accept().unwrap();
        second.await.unwrap();
        drop(first);
    });
    std::fs::remove_file(path).unwrap();
}

/// Descriptors are those of a process, so this has one of its own.
fn descriptors_that_run_out_are_an_error<H: Host>() {
    let test = std::thread::current().name().expect("the test's name").to_string();
    let test = test.replace("descriptors_that_run_out_are_an_error", "takes_all_descriptors");
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", &test])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn takes_all_descriptors<H: Host>() {
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = peer.local_addr().unwrap();
    H::run(async |rt: H::Rt| {
        let running = server("127.0.0.1:0").start(&rt).await.unwrap();
        let Address::Inet(own) = running.local_addrs()[0] else { panic!("no address") };
        drop(rt.connect_tcp(addr).await.unwrap());
        let mut all = Vec::new();
        let none = loop {
            match std::fs::File::open("/dev/null") {
                Ok(file) => all.push(file),
                Err(error) => break error,
            }
        };
        assert_eq!(none.raw_os_error(), Some(24), "EMFILE");
        same(&refused(client(&rt, addr).await), TcpStream::connect(addr).unwrap_err());
        same(&server("127.0.0.1:0").start(&rt).await.unwrap_err(), TcpListener::bind(addr).unwrap_err());
        // One for the client: the server has none and waits.
        all.pop();
        let waiting = client(&rt, own).await.unwrap();
        let mut answer = pin!(waiting.send(Request::get("/")));
        assert!(answer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(all);
        assert_eq!(answer.await.unwrap().into_body().collect(100).await.unwrap(), b"hello");
    });
}
