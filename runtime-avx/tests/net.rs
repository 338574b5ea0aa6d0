//! Sockets on real runtimes.
#![cfg(not(miri))]

mod common;

use std::future::{Future, poll_fn};
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use common::{any_port, in_each_runtime, on_each_runtime, tcp_pair};
use runtime_avx::net::{TcpListener, TcpStream, UnixListener, UnixStream, bind_tcp, resolve};
use runtime_avx::{Builder, Handle, timeout, yield_now};

#[test]
fn bytes_go_both_ways() {
    in_each_runtime(|| async {
        let (mut client, mut server) = tcp_pair().await.unwrap();
        let mut buf = [0; 16];
        for round in 0..100 {
            client.write_all(b"question").await.unwrap();
            assert_eq!(server.read(&mut buf).await.unwrap(), 8, "round {round}");
            server.write_all(b"answer").await.unwrap();
            client.read_exact(&mut buf[..6]).await.unwrap();
            assert_eq!(&buf[..6], b"answer");
        }
        assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());
        assert_eq!(server.peer_addr().unwrap(), client.local_addr().unwrap());
    });
}

#[test]
fn small_writes_are_sent_at_once_on_both_ends() {
    in_each_runtime(|| async {
        let (client, server) = tcp_pair().await.unwrap();
        assert!(client.nodelay().unwrap() && server.nodelay().unwrap());
        server.set_nodelay(false).unwrap();
        assert!(!server.nodelay().unwrap());
        let shared = bind_tcp(any_port(), 16, true).unwrap();
        let mut listener = TcpListener::from_std(shared).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(listener.accept().await.unwrap().0.nodelay().unwrap());
        drop(client);
    });
}

#[test]
fn the_end_of_the_input_is_seen_and_seen_again() {
    in_each_runtime(|| async {
        for waits in [true, false] {
            let (mut client, mut server) = tcp_pair().await.unwrap();
            let mut buf = [0; 64];
            let reader = Handle::current().spawn_local(async move {
                let n = server.read(&mut buf).await.unwrap();
                assert_eq!(&buf[..n], b"last words");
                for _ in 0..3 {
                    assert_eq!(server.read(&mut buf).await.unwrap(), 0);
                }
                // Half of the connection is closed, the other is not.
                server.write_all(b"understood").await.unwrap();
            });
            if waits {
                // The reader is parked before anything arrives.
                yield_now().await;
            }
            client.write_all(b"last words").await.unwrap();
            client.shutdown().await.unwrap();
            reader.await.unwrap();
            client.read_exact(&mut buf[..10]).await.unwrap();
            assert_eq!(&buf[..10], b"understood");
            assert_eq!(client.read(&mut buf).await.unwrap(), 0);
        }
    });
}

#[test]
fn a_short_read_before_the_end_does_not_hide_the_end() {
    in_each_runtime(|| async {
        let (mut client, mut server) = tcp_pair().await.unwrap();
        let mut buf = [0; 64];
        let late = timeout(Duration::from_millis(1), server.read(&mut buf)).await;
        assert!(late.is_err(), "registered, with nothing to read");
        // Data and end arrive as one event, as data alone and end alone, or in between.
        client.write_all(b"x").await.unwrap();
        drop(client);
        assert_eq!(server.read(&mut buf).await.unwrap(), 1);
        assert_eq!(server.read(&mut buf).await.unwrap(), 0);
    });
}

#[test]
fn a_reader_that_takes_little_at_a_time_gets_everything() {
    in_each_runtime(|| async {
        let (mut client, mut server) = tcp_pair().await.unwrap();
        let reader = Handle::current().spawn(async move {
            let (mut all, mut buf) = (0usize, [0; 7]);
            loop {
                match server.read(&mut buf).await.unwrap() {
                    0 => return all,
                    n => all += n,
                }
            }
        });
        for n in [1, 7, 8, 700, 3] {
            client.write_all(&vec![1; n]).await.unwrap();
            yield_now().await;
        }
        client.shutdown().await.unwrap();
        assert_eq!(reader.await.unwrap(), 719);
    });
}

#[test]
fn more_than_the_kernel_buffers_goes_through_both_ways_at_once() {
    in_each_runtime(|| async {
        const ALL: usize = 8 << 20;
        async fn send_and_receive(mut stream: TcpStream) -> TcpStream {
            let (mut sent, mut received) = (0, 0);
            let (out, mut buf) = (vec![7; 100_000], vec![0; 100_000]);
            poll_fn(|cx| {
                let mut progress = true;
                while progress {
                    progress = false;
                    if sent < ALL {
                        let n = out.len().min(ALL - sent);
                        if let Poll::Ready(n) = stream.poll_write(cx, &out[..n]) {
                            sent += n.unwrap();
                            progress = true;
                        }
                    }
                    if received < ALL {
                        if let Poll::Ready(n) = stream.poll_read(cx, &mut buf) {
                            received += n.unwrap();
                            progress = true;
                        }
                    }
                }
                if sent == ALL && received == ALL { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            stream
        }
        let (client, server) = tcp_pair().await.unwrap();
        let other = Handle::current().spawn(send_and_receive(server));
        send_and_receive(client).await;
        other.await.unwrap();
    });
}

#[test]
fn several_buffers_leave_with_one_call() {
    in_each_runtime(|| async {
        let (mut client, mut server) = tcp_pair().await.unwrap();
        let parts = [&b"head "[..], b"", b"and ", b"body"].map(IoSlice::new);
        assert_eq!(client.write_vectored(&parts).await.unwrap(), 13);
        let mut buf = [0; 13];
        server.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"head and body");
        // More slices than one call takes.
        let many = vec![IoSlice::new(b"."); 3000];
        let n = client.write_vectored(&many).await.unwrap();
        assert!(n > 0 && n <= 3000);
        server.read_exact(&mut vec![0; n]).await.unwrap();
    });
}

#[test]
fn a_refused_connection_is_an_error() {
    in_each_runtime(|| async {
        let free = TcpListener::bind(any_port()).unwrap().local_addr().unwrap();
        let e = TcpStream::connect(free).await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::ConnectionRefused);
        let e = UnixStream::connect("/nonexistent/socket").await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::NotFound);
        let e = UnixStream::connect("x".repeat(200)).await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_reset_connection_is_an_error_for_reader_and_writer_and_raises_no_signal() {
    in_each_runtime(|| async {
        let (client, mut server) = tcp_pair().await.unwrap();
        let mut buf = [0; 8];
        let late = timeout(Duration::from_millis(1), server.read(&mut buf)).await;
        assert!(late.is_err());
        // Closing with unread input resets.
        server.write_all(b"unread").await.unwrap();
        drop(client);
        let e = server.read(&mut buf).await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::ConnectionReset);
        while server.write(b"more").await.is_ok() {}
        server.shutdown().await.unwrap();
    });
}

#[test]
fn a_wait_that_is_given_up_loses_nothing() {
    in_each_runtime(|| async {
        let (mut client, mut server) = tcp_pair().await.unwrap();
        let mut buf = [0; 8];
        for _ in 0..10 {
            let late = timeout(Duration::ZERO, server.read(&mut buf)).await;
            assert!(late.is_err());
        }
        client.write_all(b"here").await.unwrap();
        assert_eq!(server.read(&mut buf).await.unwrap(), 4);
    });
}

#[test]
fn a_stream_that_moves_to_another_worker_goes_on_there() {
    let runtime = Builder::new().workers(2).build().unwrap();
    runtime.block_on(async {
        let handle = Handle::current();
        let (mut client, mut server) = tcp_pair().await.unwrap();
        for round in 0u8..20 {
            // Parked here or there, and then gone on with on the next worker in turn.
            let waits = async move {
                let mut buf = [0; 1];
                let n = server.read(&mut buf).await.unwrap();
                assert_eq!((n, buf[0]), (1, round));
                let late = timeout(Duration::ZERO, server.read(&mut buf)).await;
                assert!(late.is_err());
                server
            };
            let join = if round % 2 == 0 { handle.spawn_local(waits) } else { handle.spawn(waits) };
            client.write_all(&[round]).await.unwrap();
            server = join.await.unwrap();
        }
    });
}

#[test]
fn a_stream_is_dropped_on_another_worker_or_none_while_it_is_watched() {
    on_each_runtime(|runtime| {
        runtime.block_on(async {
            let handle = Handle::current();
            for _ in 0..10 {
                let (client, mut server) = tcp_pair().await.unwrap();
                let late = timeout(Duration::ZERO, server.read(&mut [0; 1])).await;
                assert!(late.is_err());
                handle.spawn_local(async move { drop(server) }).await.unwrap();
                let (other, mut server) = tcp_pair().await.unwrap();
                let late = timeout(Duration::ZERO, server.read(&mut [0; 1])).await;
                assert!(late.is_err());
                thread::scope(|scope| drop(scope.spawn(move || drop(server))));
                drop((client, other));
            }
        });
    });
}

#[test]
fn a_task_with_a_socket_may_be_stolen_and_woken_from_anywhere() {
    on_each_runtime(|runtime| {
        let served = AtomicUsize::new(0);
        runtime.block_on(async {
            let handle = Handle::current();
            let mut listener = TcpListener::bind(any_port()).unwrap();
            let addr = listener.local_addr().unwrap();
            let server = handle.spawn(async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    Handle::current().spawn_detached(async move {
                        let mut buf = [0; 64];
                        while let Ok(1..) = stream.read(&mut buf).await {
                            if stream.write_all(b"answer").await.is_err() {
                                return;
                            }
                            yield_now().await;
                        }
                    });
                }
            });
            let clients: Vec<_> = (0..20)
                .map(|_| {
                    handle.spawn(async move {
                        let mut stream = TcpStream::connect(addr).await.unwrap();
                        for _ in 0..50 {
                            stream.write_all(b"question").await.unwrap();
                            stream.read_exact(&mut [0; 6]).await.unwrap();
                        }
                        50
                    })
                })
                .collect();
            for client in clients {
                served.fetch_add(client.await.unwrap(), SeqCst);
            }
            server.abort();
        });
        assert_eq!(served.load(SeqCst), 1000);
    });
}

#[test]
fn connections_are_spread_over_listeners_that_share_an_address() {
    let runtime = Builder::new().workers(2).build().unwrap();
    let first = bind_tcp(any_port(), 128, true).unwrap();
    let addr = first.local_addr().unwrap();
    let second = bind_tcp(addr, 128, true).unwrap();
    assert!(bind_tcp(addr, 128, false).is_err(), "shared by all or none");
    let mut listeners = vec![first, second];
    for join in runtime.handle().spawn_on_each(move |_| {
        let mut listener = TcpListener::from_std(listeners.pop().unwrap()).unwrap();
        async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let worker = Handle::current().worker().unwrap() as u8;
                Handle::current().spawn_local_detached(async move {
                    assert_eq!(Handle::current().worker().unwrap() as u8, worker);
                    let _ = stream.write_all(&[worker]).await;
                });
            }
        }
    }) {
        drop(join);
    }
    let mut seen = [0; 2];
    runtime.block_on(async {
        // By chance, all to one: 2 in 2^64.
        for _ in 0..64 {
            let mut worker = [0];
            TcpStream::connect(addr).await.unwrap().read_exact(&mut worker).await.unwrap();
            seen[usize::from(worker[0])] += 1;
        }
    });
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

#[test]
fn accepting_without_descriptors_left_is_an_error_and_goes_on_afterwards() {
    // In a process of its own, with few descriptors.
    if std::env::var_os("AVX_TEST_EMFILE").is_none() {
        let this = std::env::current_exe().unwrap();
        let output = std::process::Command::new("sh")
            .args(["-c", "ulimit -n 64 && exec \"$@\"", "sh"])
            .arg(this)
            .args(["--exact", "accepting_without_descriptors_left_is_an_error_and_goes_on_afterwards"])
            .env("AVX_TEST_EMFILE", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let runtime = Builder::current_thread().build().unwrap();
    runtime.block_on(async {
        let mut listener = TcpListener::bind(any_port()).unwrap();
        let addr = listener.local_addr().unwrap();
        let _client = TcpStream::connect(addr).await.unwrap();
        let mut hoard = Vec::new();
        let e = loop {
            match std::fs::File::open("/dev/null") {
                Ok(file) => hoard.push(file),
                Err(e) => break e,
            }
        };
        let refused = listener.accept().await.unwrap_err();
        assert_eq!(refused.raw_os_error(), e.raw_os_error());
        drop(hoard);
        listener.accept().await.unwrap();
    });
}

#[test]
fn a_listener_that_would_block_is_woken_for_each_connection() {
    in_each_runtime(|| async {
        let mut listener = TcpListener::bind(any_port()).unwrap();
        let addr = listener.local_addr().unwrap();
        let acceptor = Handle::current().spawn_local(async move {
            for _ in 0..20 {
                listener.accept().await.unwrap();
            }
        });
        yield_now().await;
        for _ in 0..20 {
            TcpStream::connect(addr).await.unwrap();
        }
        acceptor.await.unwrap();
    });
}

#[test]
fn a_busy_socket_does_not_starve_other_tasks() {
    let runtime = Builder::current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut client, mut server) = tcp_pair().await.unwrap();
        client.write_all(&vec![1; 100_000]).await.unwrap();
        let others = Handle::current().spawn_local(async {});
        // One byte at a time: each read succeeds at once.
        for _ in 0..1000 {
            server.read_exact(&mut [0]).await.unwrap();
        }
        assert!(others.is_finished());
    });
}

#[test]
fn unix_sockets_do_the_same() {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    in_each_runtime(|| async {
        let name = format!("avx-test-{}-{}", std::process::id(), COUNT.fetch_add(1, SeqCst));
        let path: PathBuf = std::env::temp_dir().join(name);
        let mut listener = UnixListener::bind(&path).unwrap();
        let there = path.clone();
        let client = Handle::current().spawn(async move {
            let mut client = UnixStream::connect(&there).await.unwrap();
            client.write_all(b"question").await.unwrap();
            client.shutdown().await.unwrap();
            let mut answer = [0; 6];
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!(client.read(&mut answer).await.unwrap(), 0);
            answer
        });
        let mut server = listener.accept().await.unwrap();
        server.read_exact(&mut [0; 8]).await.unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(server.write_vectored(&[IoSlice::new(b"ans"), IoSlice::new(b"wer")]).await.unwrap(), 6);
        drop(server);
        assert_eq!(&client.await.unwrap(), b"answer");
        std::fs::remove_file(path).unwrap();

        let (mut one, mut other) = UnixStream::pair().unwrap();
        one.write_all(b"pair").await.unwrap();
        other.read_exact(&mut [0; 4]).await.unwrap();
    });
}

#[test]
fn connecting_to_a_unix_socket_with_a_full_backlog_waits() {
    let path = std::env::temp_dir().join(format!("avx-test-{}-full", std::process::id()));
    let mut listener = UnixListener::bind(&path).unwrap();
    let runtime = Builder::current_thread().build().unwrap();
    runtime.block_on(async {
        let mut open = Vec::new();
        // The backlog has some bound, and then connecting waits.
        while let Ok(stream) = timeout(Duration::from_millis(5), UnixStream::connect(&path)).await {
            open.push(stream.unwrap());
            if open.len() > 5000 {
                return;
            }
        }
        let mut waits = pin!(UnixStream::connect(&path));
        assert!(poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx).is_pending())).await);
        listener.accept().await.unwrap();
        waits.await.unwrap();
    });
    std::fs::remove_file(path).unwrap();
}

#[test]
fn sockets_of_the_standard_library_come_and_go() {
    in_each_runtime(|| async {
        let std_listener = std::net::TcpListener::bind(any_port()).unwrap();
        let duplicate = std_listener.try_clone().unwrap();
        let mut listener = TcpListener::from_std(std_listener).unwrap();
        let addr = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(addr).unwrap();
        let (mut server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        let mut client = TcpStream::from_std(client).unwrap();
        client.write_all(b"to").await.unwrap();
        server.read_exact(&mut [0; 2]).await.unwrap();
        // Watched, then taken out.
        assert!(timeout(Duration::ZERO, client.read(&mut [0])).await.is_err());
        let mut client = std::net::TcpStream::from(OwnedFd::from(client));
        client.set_nonblocking(false).unwrap();
        server.write_all(b"fro").await.unwrap();
        client.read_exact(&mut [0; 3]).unwrap();
        client.write_all(b"end").unwrap();
        client.shutdown(Shutdown::Both).unwrap();
        server.read_exact(&mut [0; 3]).await.unwrap();
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
        // A listener that goes while a duplicate stays.
        assert!(timeout(Duration::ZERO, listener.accept()).await.is_err());
        drop(listener);
        let late = std::net::TcpStream::connect(addr).unwrap();
        yield_now().await;
        let mut again = TcpListener::from_std(duplicate).unwrap();
        again.accept().await.unwrap();
        drop(late);
    });
}

#[test]
fn names_are_looked_up() {
    in_each_runtime(|| async {
        let handle = Handle::current();
        let found = resolve(&handle, "localhost", 80).await.unwrap();
        let local: [SocketAddr; 2] = [(Ipv4Addr::LOCALHOST, 80).into(), (Ipv6Addr::LOCALHOST, 80).into()];
        assert!(!found.is_empty() && found.iter().all(|a| local.contains(a)), "{found:?}");
        assert!(resolve(&handle, "not a name", 80).await.is_err());
    });
}

#[test]
fn ipv6_works_where_there_is_any() {
    let runtime = Builder::current_thread().build().unwrap();
    runtime.block_on(async {
        let Ok(mut listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0).into()) else { return };
        let addr = listener.local_addr().unwrap();
        assert!(addr.is_ipv6());
        let client = TcpStream::connect(addr).await.unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    });
}

#[test]
fn a_socket_used_outside_of_a_runtime_is_an_error() {
    let (mut one, _other) = UnixStream::pair().unwrap();
    let mut buf = [0];
    let mut future = pin!(one.read(&mut buf));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(matches!(future.as_mut().poll(&mut cx), Poll::Ready(Err(_))));
}
