//! An echo server: what a connection sends comes back.
//!
//! ```text
//! cargo run --release -p runtime-avx --example echo -- 127.0.0.1:7000
//! nc 127.0.0.1 7000
//! ```
//!
//! One listener on each worker; the kernel spreads connections among them, and each connection stays on
//! the worker that accepted it. Ctrl-c ends it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use runtime_avx::net::{TcpListener, TcpStream, bind_tcp};
use runtime_avx::{Handle, Runtime, signal, sleep};

fn main() -> io::Result<()> {
    let addr: SocketAddr = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:7000".to_owned())
        .parse()
        .map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    let runtime = Runtime::new()?;
    let handle = runtime.handle().clone();
    let mut listeners: Vec<_> = (0..handle.workers())
        .map(|_| TcpListener::from_std(bind_tcp(addr, 1024, true)?))
        .collect::<io::Result<_>>()?;
    handle.spawn_on_each(|_| serve(listeners.pop().expect("one for each worker")));
    eprintln!("listening on {addr}");
    runtime.block_on(signal::ctrl_c()?)
}

async fn serve(mut listener: TcpListener) {
    let handle = Handle::current();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => handle.spawn_local_detached(async move {
                if let Err(e) = echo(stream).await {
                    eprintln!("{peer}: {e}");
                }
            }),
            Err(e) => {
                // Out of descriptors, most likely: wait for others to close theirs.
                eprintln!("accept: {e}");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buf = [0; 4096];
    loop {
        match stream.read(&mut buf).await? {
            0 => return stream.shutdown().await,
            n => stream.write_all(&buf[..n]).await?,
        }
    }
}
