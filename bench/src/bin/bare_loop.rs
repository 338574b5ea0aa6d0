//! The floor: an epoll loop that reads, counts bytes, and writes fixed answers without parsing.
//!
//! `bare-loop REQUEST_LEN` prints its address; each REQUEST_LEN bytes read on a connection are answered
//! with one plaintext response. `bare-loop MESSAGE_LEN ws` answers the first bytes as a WebSocket handshake, and then
//! each MESSAGE_LEN bytes with a text message of 125. What a server costs beyond this is its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nServer: avx/0.1.0\r\nContent-Type: text/plain\r\n\
Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 13\r\n\r\nHello, World!";

const HANDSHAKE: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

fn main() -> std::io::Result<()> {
    let request: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(51);
    let ws = std::env::args().nth(2).is_some_and(|word| word == "ws");
    let message = [&[0x81, 125][..], &[b'x'; 125]].concat();
    let answer = if ws { &message } else { ANSWER };
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    println!("listening on http://{}", listener.local_addr()?);
    let answers = answer.repeat(512);
    let mut connections: Vec<Option<(TcpStream, usize, bool)>> = Vec::new();
    // SAFETY: plain system call.
    let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    add(epoll, listener.as_raw_fd(), libc::EPOLLIN as u32);
    let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; 256];
    let mut buf = vec![0; 64 << 10];
    loop {
        // SAFETY: `events` has room for as many events as are asked for.
        let n = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), events.len() as i32, -1) };
        for event in &events[..n.max(0) as usize] {
            let fd = event.u64 as usize;
            if fd == listener.as_raw_fd() as usize {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                    let fd = stream.as_raw_fd();
                    if connections.len() <= fd as usize {
                        connections.resize_with(fd as usize + 1, || None);
                    }
                    add(epoll, fd, (libc::EPOLLIN | libc::EPOLLET) as u32);
                    connections[fd as usize] = Some((stream, 0, ws));
                }
                continue;
            }
            let Some((stream, rest, greet)) = &mut connections[fd] else { continue };
            match stream.read(&mut buf) {
                Ok(n) if n > 0 && *greet => {
                    *greet = false;
                    if stream.write(HANDSHAKE).is_err() {
                        connections[fd] = None;
                    }
                }
                Ok(n) if n > 0 => {
                    *rest += n;
                    let due = *rest / request;
                    *rest %= request;
                    if due > 0 && stream.write(&answers[..due * answer.len()]).is_err() {
                        connections[fd] = None;
                    }
                }
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                _ => connections[fd] = None,
            }
        }
    }
}

fn add(epoll: i32, fd: i32, events: u32) {
    let mut event = libc::epoll_event { events, u64: fd as u64 };
    // SAFETY: `event` lives through the call, which copies it.
    unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &mut event) };
}
