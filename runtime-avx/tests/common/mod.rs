//! What the tests of the runtime share: every kind of runtime, and ways to wait without sleeping.
#![allow(dead_code, unreachable_pub)]

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::time::Duration;

use runtime_avx::net::{TcpListener, TcpStream};
use runtime_avx::{Backend, Builder, Runtime};

/// Runs a test on each kernel interface, without worker threads, with one and with two.
pub fn on_each_runtime(test: impl Fn(&Runtime)) {
    for backend in [Backend::Native, Backend::Poll] {
        for workers in 0..3 {
            let runtime = Builder::new().workers(workers).backend(backend).build().unwrap();
            eprintln!("on {backend:?} with {workers} workers");
            test(&runtime);
        }
    }
}

/// As [`on_each_runtime`], for a test that is one future.
pub fn in_each_runtime<F: Future>(test: impl Fn() -> F) {
    on_each_runtime(|runtime| {
        runtime.block_on(async {
            let late = runtime_avx::timeout(Duration::from_secs(10), test()).await;
            late.map(drop).expect("the test takes less than ten seconds");
        });
    });
}

/// A port of the kernel's choosing.
pub fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Two ends of a TCP connection.
pub async fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let mut listener = TcpListener::bind(any_port())?;
    let connecting = TcpStream::connect(listener.local_addr()?);
    let client = connecting.await?;
    Ok((client, listener.accept().await?.0))
}

/// Counts its drops.
#[derive(Clone, Default)]
pub struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub fn count(&self) -> usize {
        self.0.load(SeqCst)
    }

    pub fn token(&self) -> Token {
        Token(self.0.clone())
    }
}

pub struct Token(Arc<AtomicUsize>);

impl Drop for Token {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// For a plain thread to wait for something that a task does.
pub fn signal() -> (mpsc::Sender<()>, impl FnOnce()) {
    let (sender, receiver) = mpsc::channel();
    (sender, move || receiver.recv_timeout(Duration::from_secs(10)).expect("a signal within ten seconds"))
}

/// Descriptors of this process.
pub fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
