//! A server's connection through all it may speak, as the examples drive it: it takes bounded steps, never waits for
//! nothing, and ends when its peer only lets time pass.

#[path = "../../core/examples/answers/mod.rs"]
mod answers;

use crate::{NOW, config, options, pieces};
use answers::{Echoes, talk};
use avx_core::{Drive, Instant, Scratch, Step, any};

/// Whatever a client sends, in pieces, to a connection that answers it. It reads what is said to it at its own pace, or
/// not at all, and then ends its side, or says no more.
pub fn any_connection(data: &[u8]) {
    let Some(([bits, step, reads, end], input)) = options(data) else { return };
    let mut talk = Talk::new(bits, reads);
    for piece in pieces(input, step) {
        if !talk.takes(piece) {
            return;
        }
    }
    talk.ended = end & 1 == 1;
    talk.until_over();
}

struct Talk {
    connection: any::Connection,
    echoes: Echoes,
    scratch: Scratch,
    now: Instant,
    /// What the client takes at once, bytes.
    reads: usize,
    /// It has ended its side, and the connection was told.
    ended: bool,
    told: bool,
}

/// What the transport may do next.
#[derive(PartialEq, Eq)]
enum Next {
    Reads,
    Waits,
    Over,
}

impl Talk {
    fn new(bits: u8, reads: u8) -> Self {
        Talk {
            connection: any::Connection::new(config(bits), NOW),
            echoes: Echoes::new(),
            scratch: Scratch::new(),
            now: NOW,
            reads: usize::from(reads) * 16,
            ended: false,
            told: false,
        }
    }

    /// Takes as much of `piece` as it wants. False when the connection is over.
    fn takes(&mut self, mut piece: &[u8]) -> bool {
        while !piece.is_empty() {
            match self.turn() {
                Next::Over => return false,
                // Who does not read is not read from.
                Next::Waits => return true,
                Next::Reads => {
                    let Step::Read(memory) = self.connection.next_step(&mut self.scratch) else {
                        panic!("it wanted to read");
                    };
                    let n = memory.len().min(piece.len());
                    assert!(n > 0, "no room to read into");
                    memory[..n].copy_from_slice(&piece[..n]);
                    self.connection.did_read(self.now, n);
                    piece = &piece[n..];
                }
            }
        }
        true
    }

    /// All that can be done before more is read or time passes.
    fn turn(&mut self) -> Next {
        for _ in 0..100_000 {
            talk(&mut self.connection, &mut self.echoes, self.now, &mut self.scratch);
            match self.connection.next_step(&mut self.scratch) {
                Step::Write(bytes) => {
                    let n = bytes.len().min(self.reads);
                    self.connection.did_write(self.now, n);
                    if n == 0 {
                        return Next::Waits;
                    }
                }
                Step::Shutdown => {}
                Step::Close { .. } => return Next::Over,
                Step::Read(_) => return Next::Reads,
                Step::Wait => return Next::Waits,
            }
        }
        panic!("it goes round and round");
    }

    /// Time passes, from deadline to deadline.
    fn until_over(&mut self) {
        for _ in 0..1000 {
            match self.turn() {
                Next::Over => return,
                Next::Reads if self.ended && !self.told => {
                    self.told = true;
                    self.connection.did_read(self.now, 0);
                    continue;
                }
                _ => {}
            }
            self.connection.rest(&mut self.scratch);
            let deadline = self.connection.deadline().expect("it waits for nothing");
            self.now = self.now.max(deadline);
            self.connection.timed_out(self.now);
        }
        panic!("it outlives a peer that is gone");
    }
}
