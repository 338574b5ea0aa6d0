//! A server in a process of its own: with no descriptors left, and with more connections than one process
//! could have both ends of.

use super::{GET, Running, Target, served};
use crate::peer::Peer;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What the child says before its address.
const LISTENING: &str = "listening on ";

/// The child: serves until its input ends.
pub fn serve<T: Target>() {
    let server = T::start(&Default::default());
    println!("\n{LISTENING}{}", server.addr());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// Connections beyond the descriptors wait, the server neither ends nor spins, and goes on when there are
/// descriptors again. `child` is the test that calls [`serve`].
pub fn descriptors_that_run_out_are_waited_for(child: &str) {
    let mut server = Process::start(child, "ulimit -n 64");
    let mut peers: Vec<Peer> = (0..100).map(|_| Peer::connect(server.addr)).collect();
    peers.iter_mut().for_each(|peer| peer.send(GET));
    // Those that were accepted are served, whichever they are; the others wait.
    let (mut served_now, mut waiting) = (Vec::new(), peers);
    // Twice: on a busy machine an answer may take longer than the first look.
    for _ in 0..2 {
        for mut peer in std::mem::take(&mut waiting) {
            let heard = peer.hears_within(Duration::from_millis(50));
            if heard { served_now.push(peer) } else { waiting.push(peer) }
        }
    }
    assert!(served_now.len() > 5 && waiting.len() > 5, "{} of 100 are served", served_now.len());
    assert_eq!(served_now[0].answer().status, 200);
    let before = server.processor_time();
    assert!(!waiting[0].hears_within(Duration::from_millis(500)), "there were descriptors enough");
    if let (Some(before), Some(after)) = (before, server.processor_time()) {
        assert!(after - before < 25, "{} of 50 ticks spent on waiting", after - before);
    }
    served_now[0].send(GET);
    assert_eq!(served_now[0].answer().status, 200);
    // Room again: those that waited are served.
    drop(served_now);
    assert_eq!(waiting[0].answer().status, 200);
    drop(waiting);
    served(server.addr);
    assert!(server.child.try_wait().expect("a child").is_none(), "the server has ended");
}

/// Ten thousand connections, each served twice. Takes as many descriptors on either side.
pub fn ten_thousand_connections_are_served(child: &str) {
    let server = Process::start(child, "ulimit -n $(ulimit -Hn)");
    let mut peers: Vec<Peer> = Vec::with_capacity(10_000);
    for _ in 0..9_990 {
        let mut peer = Peer::connect(server.addr);
        peer.send(GET);
        assert_eq!(peer.answer().status, 200);
        peers.push(peer);
    }
    peers.iter_mut().for_each(|peer| peer.send(GET));
    peers.iter_mut().for_each(|peer| assert_eq!(peer.answer().status, 200));
    served(server.addr);
    if let Some(kib) = server.memory() {
        println!("{} bytes of memory a connection", kib * 1024 / peers.len());
    }
}

struct Process {
    child: Child,
    addr: SocketAddr,
}

impl Process {
    fn start(test: &str, limit: &str) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")])
            .arg(std::env::current_exe().expect("this test"))
            .args(["--exact", "--ignored", "--nocapture", test])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let out = BufReader::new(child.stdout.take().expect("its output"));
        let line = out
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_prefix(LISTENING)?.to_string()));
        let addr = line.expect("an address").parse().expect("an address");
        Process { child, addr }
    }

    /// Resident memory in KiB, where that can be told.
    fn memory(&self) -> Option<usize> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// Ticks of processor time so far, where that can be told.
    fn processor_time(&self) -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
