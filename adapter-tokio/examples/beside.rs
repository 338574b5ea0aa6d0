//! A server beside other tasks of a tokio program, on the runtime that is there: a counter that ticks, a listener of
//! another protocol, and HTTP that tells what both have seen.
//! `cargo run -p adapter-tokio --example beside-tokio`, then `curl http://127.0.0.1:8080/` and
//! `nc 127.0.0.1 7070`; Ctrl-C ends it in order.

use adapter_tokio::Tokio;
use avx_http::{Router, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

#[derive(Default)]
struct Counts {
    ticks: AtomicU64,
    guests: AtomicU64,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let counts = Arc::new(Counts::default());
    let seen = counts.clone();
    let router = Router::new().get("/", move || {
        format!("{} ticks, {} guests\n", seen.ticks.load(Relaxed), seen.guests.load(Relaxed))
    });
    let server = Server::new(router).bind("127.0.0.1:8080").start(&Tokio::current()).await?;

    let ticking = counts.clone();
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(Duration::from_secs(1));
        loop {
            interval.tick().await;
            ticking.ticks.fetch_add(1, Relaxed);
        }
    });
    let greeter = TcpListener::bind("127.0.0.1:7070").await?;
    tokio::spawn(async move {
        while let Ok((mut guest, _)) = greeter.accept().await {
            counts.guests.fetch_add(1, Relaxed);
            let _ = guest.write_all(b"welcome\n").await;
        }
    });

    tokio::signal::ctrl_c().await?;
    server.shutdown();
    server.join().await;
    Ok(())
}
