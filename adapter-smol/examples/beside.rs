//! A server beside other tasks of a smol program, on an executor of its own: a counter that ticks, a listener of
//! another protocol, and HTTP that tells what both have seen.
//! `cargo run -p adapter-smol --example beside-smol`, then `curl http://127.0.0.1:8080/` and `nc 127.0.0.1 7070`;
//! the end of its input (Ctrl-D) ends it in order.

use adapter_smol::Smol;
use avx_http::{Router, Server};
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::{Executor, Timer, Unblock, net::TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

#[derive(Default)]
struct Counts {
    ticks: AtomicU64,
    guests: AtomicU64,
}

fn main() -> std::io::Result<()> {
    let executor = Arc::new(Executor::new());
    smol::block_on(executor.run(serve(executor.clone())))
}

async fn serve(executor: Arc<Executor<'static>>) -> std::io::Result<()> {
    let counts = Arc::new(Counts::default());
    let seen = counts.clone();
    let router = Router::new().get("/", move || {
        format!("{} ticks, {} guests\n", seen.ticks.load(Relaxed), seen.guests.load(Relaxed))
    });
    let rt = Smol::on(&executor, 1);
    let server = Server::new(router).bind("127.0.0.1:8080").start(&rt).await?;

    let ticking = counts.clone();
    let ticks = executor.spawn(async move {
        loop {
            Timer::after(Duration::from_secs(1)).await;
            ticking.ticks.fetch_add(1, Relaxed);
        }
    });
    let greeter = TcpListener::bind("127.0.0.1:7070").await?;
    let greetings = executor.spawn(async move {
        while let Ok((mut guest, _)) = greeter.accept().await {
            counts.guests.fetch_add(1, Relaxed);
            let _ = guest.write_all(b"welcome\n").await;
        }
    });

    let _ = Unblock::new(std::io::stdin()).read_to_end(&mut Vec::new()).await;
    drop((ticks, greetings));
    server.shutdown();
    server.join().await;
    Ok(())
}
