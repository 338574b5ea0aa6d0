//! One connection: its socket, its session, and the turns between them. What is asked and what an answer is
//! worth, a [`Load`] knows.
//!
//! ```text
//! send what may begin -> write -> read once -> take the answers -> send what may begin -> write -> wait
//! ```
//!
//! An exchange costs one read and one write, or less where several are under way: a read that leaves room says
//! that there is no more. The clock is read once behind each read; the next exchange counts from there.

use super::failure::{Failure, Protocol};
use super::lane::{Lane, Phase, Work};
use super::pace::Pace;
use avx_core::{Instant, Machine, PeerError, Session};
use runtime_avx::net::TcpStream;
use std::future::{Future, poll_fn};
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

/// What is done over a connection.
pub(super) trait Load: Send + Sized + 'static {
    type Machine: Machine + Send;
    const PROTOCOL: Protocol;

    /// Prepares a connection for exchanges.
    fn open(lane: &Lane, io: TcpStream) -> impl Future<Output = Result<Link<Self>, Failure>> + Send;

    /// Takes the events that are there, each to its exchange.
    fn receive(
        &mut self,
        now: Instant,
        lane: &Lane,
        work: &mut Work,
        session: &mut Session<Self::Machine>,
    ) -> Result<(), Failure>;

    /// Begins exchanges, as many as may, and goes on with those under way, as far as there is room in the output.
    fn send(
        &mut self,
        now: Instant,
        lane: &Lane,
        work: &mut Work,
        pace: &mut Option<Pace>,
        session: &mut Session<Self::Machine>,
    ) -> Result<(), Failure>;

    /// Each exchange under way: when it was due and when it was begun.
    fn under_way(&self) -> impl Iterator<Item = (u64, u64)>;

    /// Whether an answer has begun and not ended.
    fn is_inside(&self) -> bool;

    /// Exchanges that were complete.
    fn answered(&self) -> u64;

    /// Nothing is under way, and nothing can be begun any more.
    fn is_spent(&self, session: &Session<Self::Machine>) -> bool;
}

/// A connection that is open.
pub(super) struct Link<L: Load> {
    io: TcpStream,
    session: Session<L::Machine>,
    load: L,
    begin: Begin,
    /// The input has ended inside an answer.
    broke_off: bool,
    sweeps: u32,
    /// Its number in the lane, until it is known where to be woken.
    number: Option<usize>,
}

/// How what the server sends begins, to tell other protocols by.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Begin {
    bytes: [u8; 16],
    len: usize,
}

impl Begin {
    /// These have come.
    #[inline]
    pub(super) fn note(&mut self, bytes: &[u8]) {
        if self.len < self.bytes.len() {
            let n = bytes.len().min(self.bytes.len() - self.len);
            self.bytes[self.len..self.len + n].copy_from_slice(&bytes[..n]);
            self.len += n;
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Reads before other connections get their turn.
const BUDGET: u32 = 16;
/// Between two attempts to connect to who does not answer.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections that are being made at the same time by one worker.
const AT_ONCE: usize = 64;

/// One connection after the other, until the run is over.
pub(super) async fn keep<L: Load>(lane: std::sync::Arc<Lane>, number: usize) {
    lane.work().set_aside(number, Pace::of(&lane, number));
    let mut first = true;
    while lane.work().tried() + AT_ONCE <= number {
        runtime_avx::sleep(Duration::from_millis(1)).await;
    }
    loop {
        let opened = open::<L>(&lane).await;
        let was_first = std::mem::take(&mut first);
        let fruitless = match opened {
            Ok(mut link) => {
                link.number = Some(number);
                let mut pace = {
                    let mut work = lane.work();
                    work.connected += 1;
                    work.stats.reconnects += u64::from(!was_first);
                    work.take_up(number)
                };
                let end = poll_fn(|cx| link.poll(cx, &lane, &mut pace)).await;
                let mut work = lane.work();
                work.connected -= 1;
                if work.phase == Phase::Over {
                    let under_way = link.load.under_way().map(|(due, _)| due);
                    return work.leave(under_way, pace);
                }
                work.set_aside(number, pace);
                let fruitless = link.load.answered() == 0;
                let end = end.or_else(|| fruitless.then(Failure::idle));
                // Before anything was asked, that is as good as no connection.
                work.given_up += usize::from(was_first && work.phase == Phase::Opening);
                if let Some(failure) = end {
                    let lost = link.load.under_way().filter(|&(due, _)| due >= work.from).count();
                    work.fail(failure, lost as u64);
                }
                fruitless
            }
            Err(failure) => {
                let mut work = lane.work();
                work.given_up += usize::from(was_first);
                work.fail(failure, 0);
                true
            }
        };
        {
            // Nobody connects for nothing.
            let work = lane.work();
            if work.phase == Phase::Over || work.is_spent() {
                return;
            }
        }
        if fruitless {
            runtime_avx::sleep(PAUSE).await;
        }
    }
}

async fn open<L: Load>(lane: &Lane) -> Result<Link<L>, Failure> {
    let opening = async {
        let io = TcpStream::connect(lane.plan.addr).await.map_err(|error| Failure::connect(&error))?;
        L::open(lane, io).await
    };
    let timeout = lane.plan.timeout;
    runtime_avx::timeout(timeout, opening)
        .await
        .unwrap_or_else(|_| Err(Failure::timeout(timeout.as_secs_f64())))
}

impl<L: Load> Link<L> {
    pub(super) fn new(io: TcpStream, session: Session<L::Machine>, load: L) -> Self {
        Link { io, session, load, begin: Begin::default(), broke_off: false, sweeps: 0, number: None }
    }

    /// Goes on. Ready when the connection is over, with why if that was no orderly end.
    fn poll(&mut self, cx: &mut Context<'_>, lane: &Lane, pace: &mut Option<Pace>) -> Poll<Option<Failure>> {
        let mut work = lane.work();
        let work = &mut *work;
        if work.phase == Phase::Over {
            return Poll::Ready(None);
        }
        if let Some(number) = self.number.take() {
            work.listen(number, cx);
        }
        let now = lane.clock.now();
        let result = match self.check_time(now, lane, work) {
            Ok(()) => self.drive(cx, now, lane, work, pace),
            Err(failure) => Err(failure),
        };
        match result {
            Ok(false) => {
                self.session.rest(&mut work.scratch);
                Poll::Pending
            }
            Ok(true) => Poll::Ready(None),
            Err(failure) => Poll::Ready(Some(failure)),
        }
    }

    /// Whether it is over.
    fn drive(
        &mut self,
        cx: &mut Context<'_>,
        mut now: Instant,
        lane: &Lane,
        work: &mut Work,
        pace: &mut Option<Pace>,
    ) -> Result<bool, Failure> {
        let (mut budget, mut drained) = (BUDGET, false);
        loop {
            loop {
                let sent = work.stats.sent;
                self.load.send(now, lane, work, pace, &mut self.session)?;
                if !self.flush(cx, now, work)? || work.stats.sent == sent {
                    break;
                }
            }
            if self.session.is_closed() || self.load.is_spent(&self.session) {
                return match self.load.under_way().next() {
                    None => Ok(true),
                    Some(_) => Err(Failure::closed()),
                };
            }
            if drained || !self.session.wants_read() {
                return Ok(false);
            }
            if budget == 0 {
                cx.waker().wake_by_ref();
                return Ok(false);
            }
            budget -= 1;
            let buf = self.session.read_buf(&mut work.scratch);
            let n = match self.io.poll_read(cx, buf) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Ok(n)) => n,
                Poll::Ready(Err(error)) => return Err(Failure::io(&error)),
            };
            self.begin.note(&buf[..n]);
            if n == 0 {
                self.broke_off = self.load.is_inside() || !self.session.unread().is_empty();
            }
            drained = self.io.is_drained();
            now = lane.clock.now();
            self.session.did_read(now, n);
            work.stats.received += n as u64;
            self.load.receive(now, lane, work, &mut self.session).map_err(|failure| self.judge(failure))?;
        }
    }

    /// Says what a broken protocol looks like from the beginning.
    #[cold]
    fn judge(&self, failure: Failure) -> Failure {
        match self.session.error() {
            Some(PeerError::UnexpectedEof | PeerError::AbnormalClosure) if !self.broke_off => {
                Failure::closed()
            }
            Some(error) => Failure::peer(error, L::PROTOCOL, self.begin.bytes()),
            None => failure,
        }
    }

    /// Writes what there is. False: the transport takes no more for now.
    fn flush(&mut self, cx: &mut Context<'_>, now: Instant, work: &mut Work) -> Result<bool, Failure> {
        loop {
            let output = self.session.write_buf();
            if output.is_empty() {
                return Ok(true);
            }
            match self.io.poll_write(cx, output) {
                Poll::Ready(Ok(0)) => return Err(Failure::io(&io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => {
                    self.session.did_write(now, n);
                    work.stats.sent += n as u64;
                }
                Poll::Ready(Err(error)) => return Err(Failure::io(&error)),
                Poll::Pending => {
                    self.session.did_write(now, 0);
                    return Ok(false);
                }
            }
        }
    }

    /// Looks at the time now and then.
    fn check_time(&mut self, now: Instant, lane: &Lane, work: &Work) -> Result<(), Failure> {
        if self.sweeps == work.sweeps {
            return Ok(());
        }
        self.sweeps = work.sweeps;
        if self.session.deadline().is_some_and(|at| at <= now) {
            self.session.timed_out(now);
        }
        let patience = lane.plan.timeout;
        let begun = self.load.under_way().map(|(_, begun)| begun).min();
        match begun {
            Some(begun) if now.saturating_since(Instant::from_nanos(begun)) > patience => {
                Err(Failure::timeout(patience.as_secs_f64()))
            }
            _ => Ok(()),
        }
    }
}
