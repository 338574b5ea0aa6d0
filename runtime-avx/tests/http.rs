//! The runtime as avx-http sees it: everything through its traits.
#![cfg(all(feature = "http", not(miri)))]

mod common;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use avx_http::rt::{Listener, Peer, Runtime, Sleep, Stream};
use common::{any_port, on_each_runtime, signal};

/// A server that gives back what it reads, written against the traits alone.
fn serve<R: Runtime>(rt: &R) -> io::Result<std::net::SocketAddr> {
    let first = rt.bind_tcp(any_port(), 64, true)?;
    let addr = first.local_addr()?;
    let mut sockets = vec![first];
    for _ in 1..rt.workers() {
        sockets.push(rt.bind_tcp(addr, 64, true)?);
    }
    rt.spawn_on_each(|_| {
        let mut listener = rt.tcp_listener(sockets.pop().expect("one for each worker")).unwrap();
        let rt = rt.clone();
        async move {
            while let Ok((mut stream, peer)) = poll_fn(|cx| listener.poll_accept(cx)).await {
                assert!(matches!(peer, Peer::Inet(addr) if addr.ip().is_loopback()));
                let mut idle = rt.sleep_until(rt.now() + Duration::from_secs(30));
                let rt2 = rt.clone();
                rt.spawn_local(async move {
                    let mut buf = [0; 256];
                    loop {
                        let read = poll_fn(|cx| match stream.poll_read(cx, &mut buf) {
                            Poll::Pending => Pin::new(&mut idle).poll(cx).map(|()| Ok(0)),
                            ready => ready,
                        });
                        let n = read.await.unwrap_or(0);
                        if n == 0 {
                            let _ = poll_fn(|cx| stream.poll_shutdown(cx)).await;
                            return;
                        }
                        let bufs = [io::IoSlice::new(&buf[..1]), io::IoSlice::new(&buf[1..n])];
                        assert_eq!(poll_fn(|cx| stream.poll_write_vectored(cx, &bufs)).await.unwrap(), n);
                        idle.reset(rt2.now() + Duration::from_secs(30));
                    }
                });
            }
        }
    });
    Ok(addr)
}

async fn exchange<S: Stream>(stream: &mut S, text: &[u8]) {
    assert_eq!(poll_fn(|cx| stream.poll_write(cx, text)).await.unwrap(), text.len());
    let (mut all, mut buf) = (Vec::new(), [0; 64]);
    while all.len() < text.len() {
        let n = poll_fn(|cx| stream.poll_read(cx, &mut buf)).await.unwrap();
        all.extend_from_slice(&buf[..n]);
    }
    assert_eq!(all, text);
}

#[test]
fn a_server_written_against_the_traits_serves() {
    on_each_runtime(|runtime| {
        let rt = runtime.handle().clone();
        let addr = serve(&rt).unwrap();
        runtime.block_on(async {
            let found = rt.resolve("127.0.0.1", addr.port()).await.unwrap();
            assert_eq!(found, [addr]);
            for _ in 0..10 {
                let mut stream = rt.connect_tcp(addr).await.unwrap();
                exchange(&mut stream, b"a question").await;
                exchange(&mut stream, b"and another").await;
                poll_fn(|cx| stream.poll_shutdown(cx)).await.unwrap();
                assert_eq!(poll_fn(|cx| stream.poll_read(cx, &mut [0; 8])).await.unwrap(), 0);
            }
            assert_eq!(rt.unblock(|| 6 * 7).await, 42);
        });
    });
}

#[test]
fn unix_sockets_serve_too() {
    let path = std::env::temp_dir().join(format!("avx-test-{}-http", std::process::id()));
    on_each_runtime(|runtime| {
        let rt = runtime.handle().clone();
        let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let mut listener = Runtime::unix_listener(&rt, socket).unwrap();
        let (done, wait) = signal();
        Runtime::spawn(&rt, async move {
            let (mut stream, peer) = poll_fn(|cx| Listener::poll_accept(&mut listener, cx)).await.unwrap();
            assert_eq!(peer, Peer::Unix);
            exchange(&mut stream, b"echo").await;
            done.send(()).unwrap();
        });
        runtime.block_on(async {
            let mut stream = rt.connect_unix(&path).await.unwrap();
            exchange(&mut stream, b"echo").await;
            // Without worker threads somebody has to drive the other end.
            for _ in 0..10 {
                runtime_avx::yield_now().await;
            }
        });
        wait();
        std::fs::remove_file(&path).unwrap();
    });
}

/// A waker that runs foreign code where it is woken: here, it uses sockets and timers itself.
struct Meddler(Mutex<Option<Meddling>>, Waker);

struct Meddling {
    stream: runtime_avx::net::UnixStream,
    _other: runtime_avx::net::UnixStream,
    sleep: runtime_avx::Sleep,
}

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(Meddling { mut stream, _other, mut sleep }) = self.0.lock().unwrap().take() {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(stream.poll_read(&mut cx, &mut [0]).is_pending());
            sleep.reset(std::time::Instant::now() + Duration::from_secs(1));
            assert!(Pin::new(&mut sleep).poll(&mut cx).is_pending());
        }
        self.1.wake_by_ref();
    }
}

#[test]
fn wakers_of_others_may_do_anything_when_they_are_woken() {
    on_each_runtime(|runtime| {
        runtime.block_on(async {
            let meddling = || {
                let (stream, other) = runtime_avx::net::UnixStream::pair().unwrap();
                Meddling { stream, _other: other, sleep: runtime_avx::sleep(Duration::from_secs(1)) }
            };
            let (mut one, mut other) = runtime_avx::net::UnixStream::pair().unwrap();
            let mut timer = runtime_avx::sleep(Duration::from_millis(1));
            let mut wrote = false;
            poll_fn(|cx| {
                let waker = Waker::from(Arc::new(Meddler(Mutex::new(Some(meddling())), cx.waker().clone())));
                let mut meddling = Context::from_waker(&waker);
                let read = one.poll_read(&mut meddling, &mut [0; 8]);
                let slept = Pin::new(&mut timer).poll(&mut meddling);
                if !wrote {
                    assert!(read.is_pending());
                    wrote = true;
                    assert!(other.poll_write(cx, b"x").is_ready());
                }
                if read.is_ready() || slept.is_ready() { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        });
    });
}
