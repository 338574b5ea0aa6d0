//! `/ws/chat`: a room for all who come by. What anybody says, everybody hears.
//!
//! Nobody waits for a slow member: so many lines wait for each, and the next ones are left out and counted.

use super::ws;
use crate::first;
use avx_http::message::decode;
use avx_http::ws::{CloseCode, Deflate, Error, Limits, Message, Sender, Socket, Upgrade};
use avx_http::{Request, Response};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Bytes of a message, at most; beyond it the connection ends with 1009.
const LONGEST: u64 = 2000;
/// Lines that wait for one member.
const WAITING: usize = 64;
/// Members, at most; who comes then is told to come back later.
const MEMBERS: usize = 500;
/// Characters of a name.
const NAME: usize = 24;

/// The room.
#[derive(Default)]
pub(super) struct Room(Mutex<Vec<Arc<Member>>>);

struct Member {
    name: String,
    inbox: Mutex<Inbox>,
}

/// What waits for a member.
#[derive(Default)]
struct Inbox {
    lines: VecDeque<Arc<str>>,
    /// Lines that found no room behind those.
    missed: u64,
    waker: Option<Waker>,
}

/// A place in the room, which is left with it.
struct Seat {
    room: Arc<Room>,
    member: Arc<Member>,
}

/// Lets a WebSocket in, under the name of the query.
pub(super) fn join(room: &Arc<Room>, request: &Request<'_>) -> Response {
    let (room, name) = (room.clone(), name(request.query().unwrap_or_default()));
    let mut limits = Limits::default();
    limits.message = LONGEST;
    let same_origin = |origin: &[u8]| ws::is_same_origin(request, origin);
    let upgrade = Upgrade::new().limits(limits).deflate(Deflate::default()).origin(&same_origin);
    ws::hinted(request, upgrade.accept(request, |socket| sit(room, name, socket)))
}

/// What woke a member.
enum Happened {
    Heard(VecDeque<Arc<str>>),
    Said(Result<Option<Message>, Error>),
}

async fn sit(room: Arc<Room>, name: String, mut socket: Socket) {
    let Some(seat) = Room::take_seat(&room, name) else {
        let _ = socket.close(CloseCode::TRY_AGAIN_LATER, "the room is full").await;
        return;
    };
    let (mut sender, mut receiver) = socket.split();
    loop {
        let said = async { Happened::Said(receiver.recv().await) };
        let heard = async { Happened::Heard(seat.member.next_lines().await) };
        // Who says a lot hears all of it first.
        let sent = match first(heard, said).await {
            Happened::Heard(lines) => tell_all(&mut sender, &lines).await,
            Happened::Said(Ok(Some(message))) => match message.as_text() {
                Some(text) => {
                    room.say(format!("{}: {}", seat.member.name, plain(text)));
                    Ok(())
                }
                None => sender.close(CloseCode::UNSUPPORTED, "only text is heard here").await,
            },
            Happened::Said(_) => return,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Sends them, and takes no more before they have left: what waits for a slow member are lines of the inbox.
async fn tell_all(sender: &mut Sender, lines: &VecDeque<Arc<str>>) -> Result<(), Error> {
    for line in lines {
        sender.send_text(line).await?;
    }
    sender.flush().await
}

impl Room {
    /// A place under this name, or one like it; `None` when there is none left.
    fn take_seat(self: &Arc<Room>, mut name: String) -> Option<Seat> {
        let mut members = self.lock();
        if members.len() == MEMBERS {
            return None;
        }
        let wanted = name.clone();
        let mut n = 1_usize;
        while members.iter().any(|other| other.name == name) {
            n += 1;
            name = format!("{wanted} {n}");
        }
        let member = Arc::new(Member { name, inbox: Mutex::default() });
        members.push(member.clone());
        tell(&members, format!("* {} joined, {} here", member.name, members.len()));
        Some(Seat { room: self.clone(), member })
    }

    fn say(&self, line: String) {
        tell(&self.lock(), line);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Member>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line for all of them, held once.
fn tell(members: &[Arc<Member>], line: String) {
    let line: Arc<str> = line.into();
    for member in members {
        member.put(&line);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut members = self.room.lock();
        members.retain(|member| !Arc::ptr_eq(member, &self.member));
        tell(&members, format!("* {} left, {} here", self.member.name, members.len()));
    }
}

impl Member {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, line: &Arc<str>) {
        let mut inbox = self.lock();
        if inbox.lines.len() == WAITING {
            inbox.missed += 1;
        } else {
            inbox.lines.push_back(line.clone());
        }
        let waker = inbox.waker.take();
        drop(inbox);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn next_lines(&self) -> VecDeque<Arc<str>> {
        poll_fn(|cx| self.poll_lines(cx)).await
    }

    /// All that wait.
    fn poll_lines(&self, cx: &Context<'_>) -> Poll<VecDeque<Arc<str>>> {
        let mut inbox = self.lock();
        if !inbox.lines.is_empty() {
            let mut lines = mem::take(&mut inbox.lines);
            match mem::take(&mut inbox.missed) {
                0 => {}
                missed => lines.push_back(format!("* you were too slow for {missed} lines").into()),
            }
            return Poll::Ready(lines);
        }
        inbox.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// What `name=` of the query says, as far as it is fit to be read by others.
fn name(query: &[u8]) -> String {
    let value = query.split(|&b| b == b'&').find_map(|part| part.strip_prefix(b"name="));
    let value = value.unwrap_or_default().iter().map(|&b| if b == b'+' { b' ' } else { b });
    let value: Vec<u8> = value.collect();
    let text = decode(&value);
    let fit = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.');
    let name: String = text.chars().filter(fit).take(NAME).collect();
    let name = name.trim();
    if name.is_empty() { "somebody".to_owned() } else { name.to_owned() }
}

/// One line, without what moves a terminal's cursor.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(seat: &Seat) -> Vec<String> {
        let cx = Context::from_waker(Waker::noop());
        let mut lines = Vec::new();
        while let Poll::Ready(more) = seat.member.poll_lines(&cx) {
            lines.extend(more.iter().map(|line| line.to_string()));
        }
        lines
    }

    #[test]
    fn everybody_hears_who_comes_speaks_and_goes() {
        let room = Arc::<Room>::default();
        let anna = Room::take_seat(&room, "anna".into()).unwrap();
        let other = Room::take_seat(&room, "anna".into()).unwrap();
        room.say("anna: hello".into());
        assert_eq!(lines(&other), ["* anna 2 joined, 2 here", "anna: hello"]);
        drop(other);
        assert_eq!(
            lines(&anna),
            ["* anna joined, 1 here", "* anna 2 joined, 2 here", "anna: hello", "* anna 2 left, 1 here"]
        );
        drop(anna);
        assert!(room.lock().is_empty());
    }

    #[test]
    fn a_slow_member_is_told_what_is_missing_and_holds_nobody_up() {
        let room = Arc::<Room>::default();
        let slow = Room::take_seat(&room, "slow".into()).unwrap();
        for i in 0..1000 {
            room.say(i.to_string());
        }
        let heard = lines(&slow);
        assert_eq!(heard.len(), WAITING + 1);
        assert_eq!(heard[WAITING - 1], "62");
        assert_eq!(heard[WAITING], "* you were too slow for 937 lines");
        room.say("again".into());
        assert_eq!(lines(&slow), ["again"]);
    }

    #[test]
    fn a_room_has_so_many_seats() {
        let room = Arc::<Room>::default();
        let mut seats: Vec<_> =
            (0..MEMBERS).map(|i| Room::take_seat(&room, i.to_string()).unwrap()).collect();
        assert!(Room::take_seat(&room, "late".into()).is_none());
        seats.pop();
        assert!(Room::take_seat(&room, "late".into()).is_some());
    }

    #[test]
    fn names_are_fit_to_be_read() {
        for (query, expected) in [
            ("", "somebody"),
            ("name=", "somebody"),
            ("x=1&name=anna", "anna"),
            ("name=J%C3%BCrgen+K.", "Jürgen K."),
            ("name=%1b%5b31mred%0a", "31mred"),
            ("name=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaa"),
        ] {
            assert_eq!(name(query.as_bytes()), expected, "{query}");
        }
    }
}
