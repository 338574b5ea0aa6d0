//! One server on each kind of executor, beside other tasks.

use adapter_smol::{Io, Smol};
use avx_http::client::{Connection, Options, Request};
use avx_http::rt::Runtime as _;
use avx_http::{Address, Peer, Router, Server};
use smol::{Async, Executor, LocalExecutor};
use std::cell::Cell;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

async fn hello(rt: &Smol, address: Address) {
    let connection = Connection::connect(rt, address, &Options::default()).await.unwrap();
    for _ in 0..3 {
        let response = connection.send(Request::get("/")).await.unwrap();
        assert_eq!(response.into_body().collect(100).await.unwrap(), b"hello");
    }
}

/// Serves on TCP and on a Unix socket, and ends.
async fn serve(rt: &Smol) {
    let file = format!("avx-smol-{}-{:?}-{}", std::process::id(), std::thread::current().id(), rt.workers());
    let path = std::env::temp_dir().join(file);
    let server = Server::new(Router::new().get("/", || "hello")).bind("127.0.0.1:0").bind(path);
    let server = server.start(rt).await.unwrap();
    for address in server.local_addrs() {
        hello(rt, address.clone()).await;
    }
    server.shutdown();
    server.join().await;
}

#[test]
fn the_global_executor_serves_beside_other_tasks() {
    smol::block_on(async {
        let other = smol::spawn(std::future::pending::<()>());
        serve(&Smol::global()).await;
        assert!(!other.is_finished(), "the other task has gone with the server");
    });
}

#[test]
fn an_executor_of_ones_own_serves_beside_other_tasks() {
    for threads in [1, 3] {
        let executor = Arc::new(Executor::new());
        let turns = Arc::new(AtomicUsize::new(0));
        let counted = turns.clone();
        let other = executor.spawn(async move {
            loop {
                counted.fetch_add(1, Ordering::Relaxed);
                smol::future::yield_now().await;
            }
        });
        let (stop, stopped) = smol::channel::unbounded::<()>();
        let run: Vec<_> = (1..threads)
            .map(|_| {
                let (executor, stopped) = (executor.clone(), stopped.clone());
                std::thread::spawn(move || smol::block_on(executor.run(stopped.recv())))
            })
            .collect();
        smol::block_on(executor.run(serve(&Smol::on(&executor, threads))));
        assert!(!other.is_finished(), "the other task has gone with the server");
        assert!(turns.load(Ordering::Relaxed) > 1, "the other task had no turn");
        drop(stop);
        run.into_iter().for_each(|thread| assert!(thread.join().unwrap().is_err()));
    }
}

/// A local executor runs connections that were accepted there, beside tasks that are not `Send`.
#[test]
fn a_local_executor_runs_connections() {
    let rt = Smol::global();
    let engine = Server::new(Router::new().get("/", || "hello")).engine(&rt).unwrap();
    let local = Rc::new(LocalExecutor::new());
    let served = Rc::new(Cell::new(0));
    smol::block_on(local.run(async {
        let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
        let address = listener.get_ref().local_addr().unwrap();
        let (spawner, count) = (local.clone(), served.clone());
        let accepting = local.spawn(async move {
            for _ in 0..2 {
                let (stream, addr) = listener.accept().await.unwrap();
                let connection = engine.connection(Io::new(stream), Peer::Inet(addr));
                let count = count.clone();
                let counted = async move {
                    connection.await;
                    count.set(count.get() + 1);
                };
                spawner.spawn(counted).detach();
            }
        });
        hello(&rt, address.into()).await;
        hello(&rt, address.into()).await;
        accepting.await;
        while served.get() < 2 {
            smol::future::yield_now().await;
        }
    }));
}

/// The engine's tasks do not keep the executor that they run on.
#[test]
fn an_executor_that_ends_takes_its_server_along() {
    let executor = Arc::new(Executor::new());
    let rt = Smol::on(&executor, 1);
    let server = Server::new(Router::new().get("/", || "hello")).bind("127.0.0.1:0");
    let (server, connection) = smol::block_on(executor.run(async {
        let server = server.start(&rt).await.unwrap();
        let address = server.local_addrs()[0].clone();
        hello(&rt, address.clone()).await;
        (server, Connection::connect(&rt, address, &Options::default()).await.unwrap())
    }));
    let Address::Inet(addr) = server.local_addrs()[0] else { panic!("no address") };
    drop(executor);
    assert!(std::net::TcpStream::connect(addr).is_err(), "it listens");
    smol::block_on(async {
        server.join().await;
        assert!(connection.send(Request::get("/")).await.is_err());
        // What is spawned from here on is dropped.
        let after = Server::new(Router::new().get("/", || "hello")).bind("127.0.0.1:0");
        after.start(&rt).await.unwrap().join().await;
    });
}

/// Servers make a listener for each thread, so what smol does not take for a number must not become one here.
#[test]
fn threads_are_counted_as_smol_counts_them() {
    const TEST: &str = "threads_are_counted_as_smol_counts_them";
    if let Ok(expected) = std::env::var("AVX_EXPECTED_THREADS") {
        assert_eq!(Smol::global().workers().to_string(), expected);
        return;
    }
    for (said, expected) in [("3", "3"), ("0", "1"), ("-1", "1"), ("many", "1"), ("5000000000", "1")] {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST])
            .envs([("SMOL_THREADS", said), ("AVX_EXPECTED_THREADS", expected)])
            .status();
        assert!(status.unwrap().success(), "{said}");
    }
}
