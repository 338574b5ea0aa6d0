//! One server on the flavours of tokio, beside other tasks.

use adapter_tokio::{Io, Tokio};
use avx_http::client::{Connection, Options, Request};
use avx_http::rt::Runtime as _;
use avx_http::{Address, Peer, Router, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::{Builder, Runtime};

fn flavours() -> [Runtime; 2] {
    let several = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    [Builder::new_current_thread().enable_all().build().unwrap(), several.unwrap()]
}

async fn hello(rt: &Tokio, address: Address) {
    let connection = Connection::connect(rt, address, &Options::default()).await.unwrap();
    for _ in 0..3 {
        let response = connection.send(Request::get("/")).await.unwrap();
        assert_eq!(response.into_body().collect(100).await.unwrap(), b"hello");
    }
}

#[test]
fn a_server_runs_beside_other_tasks_and_ends_alone() {
    for runtime in flavours() {
        let others = Arc::new(AtomicUsize::new(0));
        let turns = others.clone();
        runtime.block_on(async {
            let other = tokio::spawn(async move {
                loop {
                    turns.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            });
            let rt = Tokio::current();
            let path =
                std::env::temp_dir().join(format!("avx-tokio-{}-{}", std::process::id(), rt.workers()));
            let server = Server::new(Router::new().get("/", || "hello"));
            let server = server.bind("127.0.0.1:0").bind(path).start(&rt).await.unwrap();
            for address in server.local_addrs() {
                hello(&rt, address.clone()).await;
            }
            server.shutdown();
            server.join().await;
            assert!(!other.is_finished(), "the other task has gone with the server");
            other.abort();
        });
        assert!(others.load(Ordering::Relaxed) > 1, "the other task had no turn");
    }
}

#[test]
fn a_handle_serves_from_outside_of_its_runtime() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let rt = Tokio::from(runtime.handle().clone());
    let server = Server::new(Router::new().get("/", || "hello")).bind("127.0.0.1:0");
    // Polled by nothing of tokio's: starting needs no context, because the handle has it.
    let mut start = std::pin::pin!(server.start(&rt));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(handle) = start.as_mut().poll(&mut cx) else { panic!("it waits") };
    let handle = handle.unwrap();
    runtime.block_on(hello(&rt, handle.local_addrs()[0].clone()));
}

#[test]
fn sockets_that_tokio_accepted_are_served() {
    for runtime in flavours() {
        runtime.block_on(async {
            let rt = Tokio::current();
            let engine = Server::new(Router::new().get("/", || "hello")).engine(&rt).unwrap();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let accepting = tokio::spawn(async move {
                let (stream, addr) = listener.accept().await.unwrap();
                engine.connection(Io::new(stream), Peer::Inet(addr)).await;
            });
            hello(&rt, address.into()).await;
            accepting.await.unwrap();
        });
    }
}

#[test]
fn blocking_work_that_panics_panics_where_it_is_awaited() {
    for runtime in flavours() {
        runtime.block_on(async {
            let rt = Tokio::current();
            assert_eq!(rt.unblock(|| 6 * 7).await, 42);
            let lost = tokio::spawn(rt.unblock(|| panic!("on purpose")));
            assert!(lost.await.unwrap_err().is_panic());
        });
    }
}

/// The client's future may be polled by anything: another runtime, or a thread without one.
#[test]
fn a_client_connects_from_outside_of_its_runtime() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let rt = Tokio::from(runtime.handle().clone());
    let path = std::env::temp_dir().join(format!("avx-tokio-outside-{}", std::process::id()));
    let server = Server::new(Router::new().get("/", || "hello")).bind("127.0.0.1:0").bind(path);
    let server = runtime.block_on(server.start(&rt)).unwrap();
    let [Address::Inet(addr), unix] = server.local_addrs() else { panic!("no addresses") };
    // It has neither timers nor sockets.
    let other = Builder::new_current_thread().build().unwrap();
    for address in [(*addr).into(), Address::Host(format!("localhost:{}", addr.port())), unix.clone()] {
        other.block_on(hello(&rt, address));
    }
    server.shutdown();
    other.block_on(server.join());
}

fn is_ready(future: impl Future) -> bool {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::pin!(future).poll(&mut cx).is_ready()
}

/// What is spawned then is dropped before it was polled.
#[test]
fn a_server_on_a_runtime_that_has_ended_has_ended() {
    for runtime in flavours() {
        let rt = Tokio::from(runtime.handle().clone());
        drop(runtime);
        let server = Server::new(Router::new().get("/", || "hello")).bind("127.0.0.1:0");
        let other = Builder::new_current_thread().build().unwrap();
        let server = other.block_on(server.start(&rt)).unwrap();
        assert!(is_ready(server.join()), "it waits for acceptors that there are not");
        let Address::Inet(addr) = server.local_addrs()[0] else { panic!("no address") };
        assert!(std::net::TcpStream::connect(addr).is_err(), "it listens");
    }
}

#[test]
fn a_runtime_that_ends_takes_its_connections_along() {
    for runtime in flavours() {
        let rt = Tokio::from(runtime.handle().clone());
        let held = Arc::new(());
        let kept = held.clone();
        let router = Router::new().get("/", || "hello").get("/waits", move |_: avx_http::OwnedRequest| {
            let kept = kept.clone();
            async move {
                let _kept = kept;
                std::future::pending::<&'static str>().await
            }
        });
        let (server, connection, mut waiting) = runtime.block_on(async {
            let server = Server::new(router).bind("127.0.0.1:0").start(&rt).await.unwrap();
            let address = server.local_addrs()[0].clone();
            hello(&rt, address.clone()).await;
            let connection = Connection::connect(&rt, address, &Options::default()).await.unwrap();
            let sending = connection.clone();
            let mut waiting = Box::pin(async move { sending.send(Request::get("/waits")).await });
            assert!(!is_ready(waiting.as_mut()));
            (server, connection, waiting)
        });
        drop(runtime);
        // Whoever waits is told, whoever asks is refused, and nothing is kept.
        let other = Builder::new_current_thread().build().unwrap();
        assert!(other.block_on(waiting.as_mut()).is_err());
        assert!(other.block_on(connection.send(Request::get("/"))).is_err());
        other.block_on(server.join());
        assert_eq!((server.connections(), Arc::strong_count(&held)), (0, 1));
    }
}
