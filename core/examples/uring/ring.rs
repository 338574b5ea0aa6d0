//! The loop.

use super::answers::{Echoes, talk};
use avx_core::{Config, Drive, Instant, Scratch, Step, any};
use io_uring::types::{Fd, Timespec};
use io_uring::{IoUring, opcode, squeue};
use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::Arc;
use std::time::Duration;

/// Names of operations that belong to no connection.
const ACCEPT: u64 = u64::MAX;
const TIMEOUT: u64 = u64::MAX - 1;
const PAUSE: u64 = u64::MAX - 2;

/// What is under way for a connection.
enum Doing {
    Nothing,
    Reading,
    Writing,
}

pub(super) fn main() -> io::Result<()> {
    let listener = TcpListener::bind(std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8080"))?;
    let mut ring = IoUring::new(256)?;
    println!("listening on http://{}", listener.local_addr()?);
    let config = Arc::new(Config::default());
    let start = std::time::Instant::now();
    let now = || Instant::from_nanos(start.elapsed().as_nanos() as u64);
    let (mut clients, mut scratch, mut next) = (HashMap::new(), Scratch::new(), 0);
    let nobody = std::ptr::null_mut();
    let accept =
        opcode::Accept::new(Fd(listener.as_raw_fd()), nobody, nobody.cast()).build().user_data(ACCEPT);
    submit(&mut ring, std::slice::from_ref(&accept))?;
    let tenth = Timespec::from(Duration::from_millis(100));
    let pause = opcode::Timeout::new(&tenth).build().user_data(PAUSE);
    loop {
        ring.submit_and_wait(1)?;
        let done: Vec<(u64, i32)> =
            ring.completion().map(|entry| (entry.user_data(), entry.result())).collect();
        for (mut id, mut result) in done {
            if id == ACCEPT || id == PAUSE {
                // (Nobody can be accepted while too many files are open: it is tried again now and then.)
                let entry = if id == ACCEPT && result < 0 { &pause } else { &accept };
                submit(&mut ring, std::slice::from_ref(entry))?;
                if result < 0 {
                    continue;
                }
                // SAFETY: the kernel has given this descriptor to us just now, and to nobody else.
                let stream = unsafe { TcpStream::from_raw_fd(result) };
                (id, result, next) = (next, 0, next + 1);
                let connection = any::Connection::new(config.clone(), now());
                clients
                    .insert(id, Client { stream, connection, echoes: Echoes::new(), doing: Doing::Nothing });
            }
            let Some(client) = clients.get_mut(&id) else { continue };
            match (&client.doing, usize::try_from(result)) {
                (Doing::Reading, Ok(n)) => client.connection.did_read(now(), n),
                (Doing::Writing, Ok(n)) => client.connection.did_write(now(), n),
                _ => {}
            }
            // (Cancelled is what is too late.)
            let failed = result < 0 && !matches!(-result, libc::ECANCELED | libc::EINTR);
            if failed || !advance(&mut ring, id, client, now(), &mut scratch)? {
                clients.remove(&id);
            }
        }
    }
}

/// Begins the next operation of a connection that has none. Says whether it goes on.
fn advance(
    ring: &mut IoUring,
    id: u64,
    client: &mut Client,
    now: Instant,
    scratch: &mut Scratch,
) -> io::Result<bool> {
    let Client { stream, connection, echoes, doing } = client;
    connection.timed_out(now);
    talk(connection, echoes, now, scratch);
    let fd = Fd(stream.as_raw_fd());
    let mut step = connection.next_step(scratch);
    if step == Step::Shutdown {
        let _ = stream.shutdown(Shutdown::Write); // (It may be gone.)
        step = connection.next_step(scratch);
    }
    let entry = match step {
        Step::Write(bytes) => {
            *doing = Doing::Writing;
            let entry = opcode::Send::new(fd, bytes.as_ptr(), bytes.len() as u32).build();
            connection.did_write(now, 0); // The time a write takes counts from before it.
            entry
        }
        Step::Read(memory) => {
            *doing = Doing::Reading;
            opcode::Recv::new(fd, memory.as_mut_ptr(), memory.len() as u32).build()
        }
        Step::Close { reset } => {
            socket2::SockRef::from(&*stream).set_linger(reset.then_some(Duration::ZERO))?;
            return Ok(false);
        }
        Step::Wait | Step::Shutdown => {
            *doing = Doing::Nothing;
            opcode::PollAdd::new(fd, 0).build()
        }
    };
    let left = connection.deadline().map_or(Duration::from_secs(3600), |at| at.saturating_since(now));
    let left = Timespec::from(left + Duration::from_millis(1));
    let timeout = opcode::LinkTimeout::new(&left).build().user_data(TIMEOUT);
    submit(ring, &[entry.flags(squeue::Flags::IO_LINK).user_data(id), timeout])?;
    Ok(true)
}

/// Hands operations to the kernel at once: it copies them, with the timeout they point to.
fn submit(ring: &mut IoUring, entries: &[squeue::Entry]) -> io::Result<usize> {
    // SAFETY: what the entries point to is the buffer of a session, which nobody touches and which stays where it is
    // until the operation is over: a connection has one, and is only looked at when that has completed.
    unsafe { ring.submission().push_multiple(entries) }.map_err(io::Error::other)?;
    ring.submit()
}

struct Client {
    stream: TcpStream,
    connection: any::Connection,
    echoes: Echoes,
    doing: Doing,
}
