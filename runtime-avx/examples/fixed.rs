//! The same answer to whatever arrives in one read: what the runtime itself costs per request.
//!
//! ```text
//! cargo build --release -p runtime-avx --example fixed
//! target/release/examples/fixed 127.0.0.1:7001 1         # address, workers (0: all on the main thread)
//! wrk -c 64 http://127.0.0.1:7001/
//! ```
//!
//! For user instructions per request, let callgrind count between two runs of a different number of
//! requests; for system calls, `strace -fc`. With a third argument it ends after so many answers.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use runtime_avx::net::{TcpListener, TcpStream, bind_tcp};
use runtime_avx::{Builder, Handle, sleep, sleep_until};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nhello, world\n";

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let addr: SocketAddr =
        args.next().unwrap_or_else(|| "127.0.0.1:7001".to_owned()).parse().expect("an address");
    let workers = args.next().map_or(1, |n| n.parse().expect("a number of workers"));
    let most = args.next().map_or(u64::MAX, |n| n.parse().expect("a number of answers"));
    let answers = Arc::new(AtomicU64::new(0));
    let runtime = Builder::new().workers(workers).build()?;
    let done = answers.clone();
    runtime.handle().spawn_on_each(|_| {
        let listener =
            bind_tcp(addr, 1024, true).and_then(TcpListener::from_std).expect("the address is free");
        serve(listener, most, done.clone())
    });
    runtime.block_on(async {
        while answers.load(Relaxed) < most {
            sleep(Duration::from_millis(20)).await;
        }
    });
    Ok(())
}

async fn serve(mut listener: TcpListener, most: u64, answers: Arc<AtomicU64>) {
    while let Ok((stream, _)) = listener.accept().await {
        Handle::current().spawn_local_detached(answer(stream, most, answers.clone()));
    }
}

async fn answer(mut stream: TcpStream, most: u64, answers: Arc<AtomicU64>) {
    let mut buf = [0; 4096];
    let handle = Handle::current();
    // As a server would: a timeout, pushed back with each request.
    let mut idle = sleep_until(handle.now() + Duration::from_secs(30));
    loop {
        let read = std::future::poll_fn(|cx| match stream.poll_read(cx, &mut buf) {
            std::task::Poll::Pending => {
                std::pin::Pin::new(&mut idle).poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
            }
            ready => ready,
        });
        match read.await {
            Ok(1..) if stream.write_all(ANSWER).await.is_ok() => {}
            _ => return,
        }
        idle.reset(handle.now() + Duration::from_secs(30));
        if most < u64::MAX && answers.fetch_add(1, Relaxed) + 1 >= most {
            return;
        }
    }
}
