//! What `http::rt` asks of a runtime, asked of each: sockets, timers, name look-up.

mod service;

use avx_http::Address;
use avx_http::rt::{Listener, Peer, Runtime, Sleep, Stream};
use service::Host;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

on_each_runtime! {
    an_end_of_the_sending_side_leaves_the_other_open
    slices_may_be_empty_and_many
    a_peer_that_resets_is_an_error_in_both_directions
    the_last_waker_is_the_one_that_is_woken
    directions_wait_apart
    a_drained_stream_wakes_for_every_byte
    a_listener_goes_on_behind_a_connection_that_has_gone
    a_stream_may_move_to_another_task
    timers_are_moved_both_ways
    a_timer_may_move_to_another_task
    a_timer_of_long_ago_or_of_the_far_future_is_no_special_case
    a_host_has_all_its_addresses
    blocking_work_goes_on_when_nobody_waits
    names_that_no_file_has_are_an_error
}

/// A connection: one end of the runtime's, the other of the standard library's, which blocks.
async fn pair<R: Runtime>(rt: &R) -> (R::Tcp, TcpStream) {
    let listener = rt.bind_tcp(SocketAddr::from(([127, 0, 0, 1], 0)), 8, false).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut listener = rt.tcp_listener(listener).unwrap();
    let theirs = TcpStream::connect(addr).unwrap();
    let (ours, peer) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
    assert_eq!(peer, Peer::Inet(theirs.local_addr().unwrap()));
    (ours, theirs)
}

async fn read(stream: &mut impl Stream, buf: &mut [u8]) -> io::Result<usize> {
    poll_fn(|cx| stream.poll_read(cx, buf)).await
}

fn is_pending<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> bool {
    poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

/// Writes until the system takes no more.
fn fill(stream: &mut impl Stream, cx: &mut Context<'_>) -> usize {
    let mut len = 0;
    while let Poll::Ready(n) = stream.poll_write(cx, &[b'x'; 1 << 16]) {
        len += n.unwrap();
    }
    len
}

fn an_end_of_the_sending_side_leaves_the_other_open<H: Host>() {
    H::run(async |rt: H::Rt| {
        let (mut ours, mut theirs) = pair(&rt).await;
        poll_fn(|cx| ours.poll_shutdown(cx)).await.unwrap();
        let mut buf = [0; 10];
        assert_eq!(theirs.read(&mut buf).unwrap(), 0);
        theirs.write_all(b"still").unwrap();
        assert_eq!(read(&mut ours, &mut buf).await.unwrap(), 5);
        assert!(poll_fn(|cx| ours.poll_write(cx, b"no more")).await.is_err());
        // The other way round; and both ends may end twice.
        let (mut ours, mut theirs) = pair(&rt).await;
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(read(&mut ours, &mut buf).await.unwrap(), 0);
        assert_eq!(read(&mut ours, &mut buf).await.unwrap(), 0);
        assert_eq!(poll_fn(|cx| ours.poll_write(cx, b"still")).await.unwrap(), 5);
        theirs.read_exact(&mut buf[..5]).unwrap();
        poll_fn(|cx| ours.poll_shutdown(cx)).await.unwrap();
        let _ = poll_fn(|cx| ours.poll_shutdown(cx)).await;
        assert_eq!(theirs.read(&mut buf).unwrap(), 0);
    });
}

fn slices_may_be_empty_and_many<H: Host>() {
    H::run(async |rt: H::Rt| {
        let (mut ours, mut theirs) = pair(&rt).await;
        let mut write = async |bufs: &[&[u8]]| {
            let bufs: Vec<_> = bufs.iter().map(|buf| IoSlice::new(buf)).collect();
            poll_fn(|cx| ours.poll_write_vectored(cx, &bufs)).await.unwrap()
        };
        assert_eq!(write(&[]).await, 0);
        assert_eq!(write(&[b""]).await, 0);
        assert_eq!(write(&[b"", b"", b""]).await, 0);
        assert_eq!(write(&[b"", b"one", b"", b"two"]).await, 6);
        // More than the system takes with one call.
        let some = write(&[&b"x"[..]; 5000]).await;
        assert!((1..=5000).contains(&some), "{some}");
        assert_eq!(poll_fn(|cx| ours.poll_write(cx, b"")).await.unwrap(), 0);
        drop(ours);
        let mut all = String::new();
        theirs.read_to_string(&mut all).unwrap();
        assert_eq!(all, format!("onetwo{}", "x".repeat(some)));
    });
}

fn a_peer_that_resets_is_an_error_in_both_directions<H: Host>() {
    H::run(async |rt: H::Rt| {
        let mut buf = [0; 10];
        let (mut ours, theirs) = pair(&rt).await;
        socket2::SockRef::from(&theirs).set_linger(Some(Duration::ZERO)).unwrap();
        drop(theirs);
        assert_eq!(read(&mut ours, &mut buf).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        let error = poll_fn(|cx| ours.poll_write(cx, b"to nobody")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        // In the middle of a write that waits.
        let (mut ours, theirs) = pair(&rt).await;
        assert!(fill(&mut ours, &mut Context::from_waker(Waker::noop())) > 0);
        let mut waiting = pin!(poll_fn(|cx| ours.poll_write(cx, b"x")));
        assert!(is_pending(|cx| waiting.as_mut().poll(cx)));
        socket2::SockRef::from(&theirs).set_linger(Some(Duration::ZERO)).unwrap();
        drop(theirs);
        let error = waiting.await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
        // Ours.
        let (mut ours, mut theirs) = pair(&rt).await;
        ours.reset();
        drop(ours);
        assert_eq!(theirs.read(&mut buf).unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

/// Each kind of waiting begins with a waker that wakes nobody.
fn the_last_waker_is_the_one_that_is_woken<H: Host>() {
    H::run(async |rt: H::Rt| {
        let listener = rt.bind_tcp(SocketAddr::from(([127, 0, 0, 1], 0)), 8, false).unwrap();
        let addr = listener.local_addr().unwrap();
        let mut listener = rt.tcp_listener(listener).unwrap();
        let mut accept = pin!(poll_fn(|cx| listener.poll_accept(cx)));
        assert!(is_pending(|cx| accept.as_mut().poll(cx)));
        let connect = rt.unblock(move || TcpStream::connect(addr).unwrap());
        let (mut ours, _) = accept.await.unwrap();
        let mut theirs = connect.await;

        let mut buf = [0; 10];
        assert!(is_pending(|cx| ours.poll_read(cx, &mut buf)));
        let wrote = rt.unblock(move || theirs.write_all(b"x").map(|()| theirs).unwrap());
        assert_eq!(read(&mut ours, &mut buf).await.unwrap(), 1);
        let mut theirs = wrote.await;

        let filled = fill(&mut ours, &mut Context::from_waker(Waker::noop()));
        let drained = rt.unblock(move || theirs.read_exact(&mut vec![0; filled]).map(|()| theirs).unwrap());
        assert!(poll_fn(|cx| ours.poll_write(cx, b"more")).await.unwrap() > 0);
        drop(drained.await);

        let mut sleep = rt.sleep_until(rt.now() + Duration::from_millis(20));
        assert!(is_pending(|cx| Pin::new(&mut sleep).poll(cx)));
        sleep.await;
    });
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// One task reads while another writes.
fn directions_wait_apart<H: Host>() {
    H::run(async |rt: H::Rt| {
        let (ours, mut theirs) = pair(&rt).await;
        let ours = Arc::new(Mutex::new(ours));
        let done = Arc::new(Flag(AtomicBool::new(false)));
        let (reading, read_some) = (ours.clone(), done.clone());
        let filled = fill(&mut *ours.lock().unwrap(), &mut Context::from_waker(Waker::noop()));
        rt.spawn(async move {
            let mut buf = [0; 10];
            poll_fn(|cx| reading.lock().unwrap().poll_read(cx, &mut buf)).await.unwrap();
            read_some.wake_by_ref();
        });
        // Only the writer can go on; and then the reader as well.
        let theirs = rt.unblock(move || theirs.read_exact(&mut vec![0; filled]).map(|()| theirs).unwrap());
        assert_eq!(poll_fn(|cx| ours.lock().unwrap().poll_write(cx, b"more")).await.unwrap(), 4);
        let mut theirs = theirs.await;
        assert!(!done.0.load(Ordering::SeqCst));
        theirs.write_all(b"for the reader").unwrap();
        while !done.0.load(Ordering::SeqCst) {
            smol::future::yield_now().await;
        }
    });
}

/// Whoever believes the hint and does not look again is woken, however the bytes come.
fn a_drained_stream_wakes_for_every_byte<H: Host>() {
    const LEN: usize = 20_000;
    H::run(async |rt: H::Rt| {
        let (mut ours, mut theirs) = pair(&rt).await;
        theirs.set_nodelay(true).unwrap();
        let writing = rt.unblock(move || (0..LEN).for_each(|_| theirs.write_all(b"x").unwrap()));
        let (mut seen, mut buf) = (0, [0; 7]);
        let mut writing = pin!(writing);
        let mut wrote = false;
        poll_fn(|cx| {
            while seen < LEN {
                match ours.poll_read(cx, &mut buf) {
                    Poll::Ready(n) => seen += n.unwrap(),
                    Poll::Pending => break,
                }
                if ours.is_drained() {
                    break;
                }
            }
            wrote = wrote || writing.as_mut().poll(cx).is_ready();
            if seen == LEN && wrote { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    });
}

fn a_listener_goes_on_behind_a_connection_that_has_gone<H: Host>() {
    H::run(async |rt: H::Rt| {
        let listener = rt.bind_tcp(SocketAddr::from(([127, 0, 0, 1], 0)), 8, false).unwrap();
        let addr = listener.local_addr().unwrap();
        let mut listener = rt.tcp_listener(listener).unwrap();
        let gone = TcpStream::connect(addr).unwrap();
        socket2::SockRef::from(&gone).set_linger(Some(Duration::ZERO)).unwrap();
        drop(gone);
        let mut theirs = TcpStream::connect(addr).unwrap();
        theirs.write_all(b"x").unwrap();
        loop {
            // The first may be an error here, or at its first byte.
            let Ok((mut ours, _)) = poll_fn(|cx| listener.poll_accept(cx)).await else { continue };
            if matches!(read(&mut ours, &mut [0; 10]).await, Ok(1)) {
                break;
            }
        }
    });
}

fn a_stream_may_move_to_another_task<H: Host>() {
    H::run_on_two(async |rt: H::Rt| {
        let (mut ours, mut theirs) = pair(&rt).await;
        let mut buf = [0; 10];
        assert!(is_pending(|cx| ours.poll_read(cx, &mut buf)));
        rt.spawn(async move {
            let n = read(&mut ours, &mut buf).await.unwrap();
            poll_fn(|cx| ours.poll_write(cx, &buf[..n])).await.unwrap();
        });
        let echo = rt.unblock(move || {
            theirs.write_all(b"moved").unwrap();
            let mut echo = String::new();
            theirs.read_to_string(&mut echo).map(|_| echo).unwrap()
        });
        assert_eq!(echo.await, "moved");
    });
}

fn timers_are_moved_both_ways<H: Host>() {
    let hour = Duration::from_secs(3600);
    H::run(async |rt: H::Rt| {
        let start = rt.now();
        let mut sleep = rt.sleep_until(start + hour);
        poll_fn(|cx| {
            assert!(Pin::new(&mut sleep).poll(cx).is_pending());
            // Earlier, with the waker that it has.
            sleep.reset(start + Duration::from_millis(20));
            Poll::Ready(())
        })
        .await;
        (&mut sleep).await;
        assert!(Instant::now() >= start + Duration::from_millis(18), "early");
        // After it has fired; later than before; and in the past.
        sleep.reset(start + hour);
        assert!(is_pending(|cx| Pin::new(&mut sleep).poll(cx)));
        sleep.reset(start);
        (&mut sleep).await;
        let soon = rt.now() + Duration::from_millis(10);
        let later = soon + Duration::from_millis(20);
        sleep.reset(soon);
        assert!(is_pending(|cx| Pin::new(&mut sleep).poll(cx)));
        sleep.reset(later);
        sleep.await;
        assert!(Instant::now() >= later - Duration::from_millis(2), "at the deadline that it had before");
    });
}

fn a_timer_may_move_to_another_task<H: Host>() {
    H::run_on_two(async |rt: H::Rt| {
        let done = Arc::new(Flag(AtomicBool::new(false)));
        for reset in [false, true] {
            let mut sleep = rt.sleep_until(rt.now() + Duration::from_millis(20));
            let pending = poll_fn(|cx| Poll::Ready(Pin::new(&mut sleep).poll(cx).is_pending())).await;
            assert!(pending);
            if reset {
                sleep.reset(rt.now() + Duration::from_millis(5));
            }
            let fired = done.clone();
            rt.spawn(async move {
                sleep.await;
                fired.wake_by_ref();
            });
            while !done.0.swap(false, Ordering::SeqCst) {
                smol::future::yield_now().await;
            }
        }
    });
}

fn a_timer_of_long_ago_or_of_the_far_future_is_no_special_case<H: Host>() {
    H::run(async |rt: H::Rt| {
        let long_ago = rt.now().checked_sub(Duration::from_secs(60)).unwrap_or_else(|| rt.now());
        rt.sleep_until(long_ago).await;
        let century = rt.now() + Duration::from_secs(100 * 365 * 86400);
        let mut sleep = rt.sleep_until(century);
        assert!(is_pending(|cx| Pin::new(&mut sleep).poll(cx)));
        sleep.reset(long_ago);
        (&mut sleep).await;
        sleep.reset(century);
        assert!(is_pending(|cx| Pin::new(&mut sleep).poll(cx)));
    });
}

fn a_host_has_all_its_addresses<H: Host>() {
    use std::net::ToSocketAddrs;
    H::run(async |rt: H::Rt| {
        for host in ["localhost", "127.0.0.1", "::1"] {
            let theirs: Vec<_> = (host, 80).to_socket_addrs().unwrap().collect();
            assert_eq!(rt.resolve(host, 80).await.unwrap(), theirs);
        }
        // Given up.
        drop(rt.resolve("localhost", 80));
    });
}

fn blocking_work_goes_on_when_nobody_waits<H: Host>() {
    H::run(async |rt: H::Rt| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let mut work = rt.unblock(move || sender.send(()).unwrap());
        let _ = is_pending(|cx| Pin::new(&mut work).poll(cx));
        // smol drops what was not begun, like every task of its.
        rt.unblock(move || receiver.recv().unwrap()).await;
        drop(work);
    });
}

/// Abstract names and names that are none: no panic, whoever asks.
fn names_that_no_file_has_are_an_error<H: Host>() {
    use avx_http::client::{Connection, Options};
    H::run(async |rt: H::Rt| {
        for name in ["\0abstract", "inside\0", ""] {
            let address = Address::Unix(name.into());
            let server = avx_http::Server::new(avx_http::Router::new()).bind(address.clone());
            assert!(server.start(&rt).await.is_err(), "{name:?}");
            assert!(Connection::connect(&rt, address, &Options::default()).await.is_err(), "{name:?}");
        }
    });
}
