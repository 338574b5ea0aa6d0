//! Whose turn it is among the open exchanges of a connection: the server's and the client's alike.
//!
//! ```text
//! woken (bell), touched (event), room again ──▶ due ──▶ look at each: settle
//!                                                        │
//!              next_writable, as the machine says ◀──────┴──▶ content, a little from each: settle
//! ```

use super::bell::Bell;
use super::table::Table;
use avx_core::{Http, Output, Scratch, Session, StreamId};
use std::mem;
use std::sync::Arc;
use std::task::{Context, Waker};

/// An exchange that is one of many. `D` is what it needs of its connection.
pub(crate) trait OneOfMany<M, D> {
    /// Moves on as far as it can without reading or writing, and gives credit back. Whether anything changed.
    fn advance(&mut self, cx: &mut Context<'_>, desk: &mut D, machine: &mut M, out: &mut dyn Output) -> bool;

    /// Sends content, as much as one of many may in its turn. Whether there was any.
    fn take_turn(
        &mut self,
        cx: &mut Context<'_>,
        desk: &mut D,
        machine: &mut M,
        out: &mut dyn Output,
    ) -> bool;

    /// Whether there is content to write, as soon as it is this one's turn.
    fn wants_turn(&self) -> bool;

    /// Whether something waits for room in the output.
    fn wants_room(&self) -> bool;

    /// Takes note of an end. Whether it is to be forgotten.
    fn settle(&mut self, desk: &mut D, machine: &mut M) -> bool;
}

/// The open exchanges of a connection, and which of them are to be looked at.
pub(crate) struct Turns<E> {
    table: Table<E>,
    bell: Arc<Bell>,
    /// Places to look at: woken, or touched by an event.
    due: Vec<u32>,
    /// Memory for those that have rung.
    rung: Vec<u32>,
    /// Places that wait for room in the output.
    blocked: Vec<u32>,
}

impl<E> Default for Turns<E> {
    fn default() -> Self {
        Turns {
            table: Table::default(),
            bell: Arc::default(),
            due: Vec::new(),
            rung: Vec::new(),
            blocked: Vec::new(),
        }
    }
}

impl<E> Turns<E> {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether somebody waits for room in the output.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.blocked.is_empty()
    }

    /// Wakes the task of this waker from now on.
    pub(crate) fn listen(&self, waker: &Waker) {
        self.bell.listen(waker);
    }

    /// Puts an exchange in, which is to be looked at.
    pub(crate) fn insert(&mut self, stream: StreamId, exchange: E) {
        self.due.push(self.table.insert(stream, exchange, &self.bell));
    }

    /// The exchange of this stream.
    pub(crate) fn find(&mut self, stream: StreamId) -> Option<&mut E> {
        let place = self.table.find(stream)?;
        Some(self.table.at(place)?.exchange)
    }

    /// The exchange of this stream, which is looked at afterwards, and its waker.
    #[inline]
    pub(crate) fn touch(&mut self, stream: StreamId) -> Option<(&mut E, &Waker)> {
        let place = self.table.find(stream)?;
        let mut at = self.table.at(place)?;
        if at.touch() {
            self.due.push(place);
        }
        Some((at.exchange, at.waker))
    }

    pub(crate) fn remove(&mut self, stream: StreamId) -> Option<Box<E>> {
        let place = self.table.find(stream)?;
        self.table.remove(place)
    }

    /// Sees to it that all of them are looked at.
    #[cold]
    pub(crate) fn touch_all(&mut self) {
        self.due.extend(self.table.touch_all());
    }

    /// All of them.
    pub(crate) fn exchanges(&mut self) -> impl Iterator<Item = &mut E> {
        self.table.exchanges()
    }

    /// Takes all of them.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Box<E>> {
        self.table.drain()
    }

    /// Looks at those that were woken or touched, then lets content out in turns. Whether anything moved.
    pub(crate) fn advance<M: Http, D>(
        &mut self,
        session: &mut Session<M>,
        scratch: &mut Scratch,
        desk: &mut D,
    ) -> bool
    where
        E: OneOfMany<M, D>,
    {
        let (machine, out) = session.parts(scratch);
        let mut moved = false;
        let mut due = mem::take(&mut self.due);
        self.bell.take(&mut self.rung);
        due.append(&mut self.rung);
        if out.is_empty() {
            // There is room again, however that came about.
            self.blocked.iter().for_each(|&place| self.table.unblock(place));
            due.append(&mut self.blocked);
        }
        for place in due.drain(..) {
            let Some(mut at) = self.table.at(place) else { continue };
            at.look();
            moved |= at.exchange.advance(&mut Context::from_waker(at.waker), desk, machine, out);
            machine.wants_write(at.stream, at.exchange.wants_turn());
            self.settle(place, desk, machine);
        }
        self.due = due;
        // Content, in the order that the machine says, until there is no room or nobody has any.
        while let Some(stream) = machine.next_writable() {
            let Some(place) = self.table.find(stream) else {
                machine.wants_write(stream, false);
                continue;
            };
            let Some(at) = self.table.at(place) else { break };
            let written = at.exchange.take_turn(&mut Context::from_waker(at.waker), desk, machine, out);
            if !at.exchange.wants_turn() {
                machine.wants_write(stream, false);
            }
            self.settle(place, desk, machine);
            if !written {
                break;
            }
            moved = true;
        }
        moved
    }

    /// Notes that an exchange waits for room, or lets go of it when it is over.
    fn settle<M, D>(&mut self, place: u32, desk: &mut D, machine: &mut M)
    where
        E: OneOfMany<M, D>,
    {
        let Some(mut at) = self.table.at(place) else { return };
        if at.exchange.wants_room() && at.block() {
            self.blocked.push(place);
        }
        if at.exchange.settle(desk, machine) {
            self.table.remove(place);
        }
    }

    /// Gives back what is not needed while waiting. Whether somebody is to be looked at before.
    pub(crate) fn rest(&mut self) -> bool {
        if self.table.is_empty() {
            // Whoever rang is gone.
            self.bell.take(&mut self.rung);
            (self.due, self.rung, self.blocked) = (Vec::new(), Vec::new(), Vec::new());
        }
        self.table.shrink();
        self.bell.rest()
    }

    /// There is nobody to look at: forgets who was to be.
    pub(crate) fn clear_due(&mut self) {
        self.due.clear();
    }
}
