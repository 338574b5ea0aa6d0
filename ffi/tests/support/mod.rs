//! Ends of connections as C drives them, and a wire between two.
#![allow(
    dead_code,
    unreachable_pub,
    unsafe_code,
    reason = "each test binary uses its own part, and all of it is C's side"
)]

use avx::*;
use core::ptr;

pub const NOW: u64 = 1_000_000_000;

/// What was told, as far as tests look at it.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub kind: EventKind,
    pub stream: u64,
    pub status: u32,
    pub code: u32,
    pub length: i64,
    pub text: String,
    pub reason: String,
    pub data: Vec<u8>,
    pub fields: Vec<(String, String)>,
    pub flags: (bool, bool, bool, bool, bool),
}

pub fn slice<'a>(bytes: Bytes) -> &'a [u8] {
    // SAFETY: the library says that so many bytes are there, as long as nothing else is called.
    if bytes.len == 0 { &[] } else { unsafe { core::slice::from_raw_parts(bytes.data, bytes.len) } }
}

pub fn string(bytes: Bytes) -> String {
    String::from_utf8_lossy(slice(bytes)).into_owned()
}

impl Told {
    pub fn of(event: &Event) -> Self {
        let fields: Vec<Field> = if event.fields_len == 0 {
            Vec::new()
        } else {
            // SAFETY: as above.
            unsafe { core::slice::from_raw_parts(event.fields, event.fields_len) }.to_vec()
        };
        Told {
            kind: event.kind,
            stream: event.stream,
            status: event.status,
            code: event.code,
            length: event.content_length,
            text: [event.method, event.target, event.authority].map(string).join(" ").trim().to_owned(),
            reason: string(event.reason),
            data: slice(event.data).to_vec(),
            fields: fields.iter().map(|f| (string(f.name), string(f.value))).collect(),
            flags: (event.expects_continue, event.websocket, event.text, event.last, event.by_peer),
        }
    }
}

pub fn bytes(text: &[u8]) -> Bytes {
    Bytes { data: text.as_ptr(), len: text.len() }
}

pub fn field(name: &'static str, value: &'static str) -> Field {
    Field { name: bytes(name.as_bytes()), value: bytes(value.as_bytes()), sensitive: 0 }
}

/// One end, with the memory of its thread.
pub struct End {
    pub connection: *mut Connection,
    pub scratch: *mut Scratch,
    pub now: u64,
    /// What was written and not carried yet.
    pub out: Vec<u8>,
    pub shut: bool,
    pub closed: Option<bool>,
    /// The stream of the WebSocket that was opened last.
    pub socket: u64,
}

impl Drop for End {
    fn drop(&mut self) {
        // SAFETY: both come from their constructors, and are freed here alone.
        unsafe {
            avx_connection_free(self.connection);
            avx_scratch_free(self.scratch);
        }
    }
}

impl End {
    pub fn of(make: impl FnOnce(*mut *mut Connection) -> i32) -> Self {
        let mut connection = ptr::null_mut();
        assert_eq!(make(&raw mut connection), 0);
        let (scratch, out) = (avx_scratch_new(), Vec::new());
        End { connection, scratch, now: NOW, out, shut: false, closed: None, socket: 0 }
    }

    pub fn server() -> Self {
        // SAFETY: null is allowed, and the place is one.
        End::of(|place| unsafe { avx_server_new(ptr::null(), 0, NOW, place) })
    }

    pub fn client(version: u32) -> Self {
        // SAFETY: as above.
        End::of(|place| unsafe { avx_client_new(ptr::null(), version, false, NOW, place) })
    }

    pub fn hear(&mut self, input: &[u8]) {
        // SAFETY: handles of this test, and bytes of its own.
        let heard =
            unsafe { avx_read_from(self.connection, self.scratch, self.now, input.as_ptr(), input.len()) };
        assert_eq!(heard, 0);
    }

    /// The next event, or the code.
    pub fn next(&mut self) -> Result<Option<Told>, i32> {
        let mut event: *const Event = ptr::null();
        // SAFETY: handles of this test.
        match unsafe { avx_next(self.connection, self.scratch, self.now, &raw mut event) } {
            // SAFETY: null, or an event that is valid now.
            0 => Ok(unsafe { event.as_ref() }.map(|event| {
                if event.kind == EventKind::AvxEventOpen {
                    self.socket = event.stream;
                }
                Told::of(event)
            })),
            code => Err(code),
        }
    }

    pub fn all(&mut self) -> Vec<Told> {
        core::iter::from_fn(|| self.next().ok().flatten()).collect()
    }

    pub fn step(&mut self) -> Step {
        let mut step = core::mem::MaybeUninit::uninit();
        // SAFETY: handles of this test; the step is filled in when the call succeeds.
        unsafe {
            assert_eq!(avx_next_step(self.connection, self.scratch, step.as_mut_ptr()), 0);
            step.assume_init()
        }
    }

    /// Does everything that needs no other end.
    pub fn write(&mut self) {
        loop {
            let step = self.step();
            match step.kind {
                StepKind::AvxStepWrite => {
                    self.out.extend_from_slice(slice(step.bytes));
                    // SAFETY: a handle of this test.
                    assert_eq!(unsafe { avx_did_write(self.connection, self.now, step.bytes.len) }, 0);
                }
                StepKind::AvxStepShutdown => self.shut = true,
                StepKind::AvxStepClose => {
                    self.closed = Some(step.reset);
                    return;
                }
                StepKind::AvxStepRead | StepKind::AvxStepWait => return,
            }
        }
    }

    pub fn full(&mut self, stream: u64, status: u32, fields: &[Field], content: &[u8]) -> i32 {
        let (f, n) = (fields.as_ptr(), fields.len());
        let (c, s, now) = (self.connection, self.scratch, self.now);
        // SAFETY: handles and lists of this test.
        unsafe { avx_send_full(c, s, now, stream, status, f, n, content.as_ptr(), content.len()) }
    }

    pub fn respond(&mut self, stream: u64, status: u32, length: i64) -> (i32, bool) {
        let (mut follows, c, s) = (false, self.connection, self.scratch);
        // SAFETY: handles and a place of this test.
        let code = unsafe {
            avx_send_response(c, s, self.now, stream, status, ptr::null(), 0, length, &raw mut follows)
        };
        (code, follows)
    }

    pub fn data(&mut self, stream: u64, data: &[u8]) -> (i32, usize) {
        let mut taken = usize::MAX;
        let (c, s, now) = (self.connection, self.scratch, self.now);
        // SAFETY: handles, bytes and a place of this test.
        let code = unsafe { avx_send_data(c, s, now, stream, data.as_ptr(), data.len(), &raw mut taken) };
        (code, taken)
    }

    pub fn end(&mut self, stream: u64, trailers: &[Field]) -> i32 {
        // SAFETY: handles and a list of this test.
        unsafe {
            avx_send_end(self.connection, self.scratch, self.now, stream, trailers.as_ptr(), trailers.len())
        }
    }

    pub fn release(&mut self, stream: u64, n: usize) -> i32 {
        // SAFETY: a handle of this test.
        unsafe { avx_release(self.connection, stream, n) }
    }

    pub fn request(&mut self, method: &str, target: &str, fields: &[Field], length: i64) -> (i32, u64) {
        let mut stream = 0;
        let (c, s, now) = (self.connection, self.scratch, self.now);
        let (method, target) = (bytes(method.as_bytes()), bytes(target.as_bytes()));
        let (f, n, place) = (fields.as_ptr(), fields.len(), &raw mut stream);
        // SAFETY: handles, bytes, a list and a place of this test.
        let code = unsafe { avx_send_request(c, s, now, method, target, bytes(b"a"), f, n, length, place) };
        (code, stream)
    }

    /// Says something on the WebSocket that was opened last.
    pub fn say(&mut self, text: bool, data: &[u8], last: bool) -> i32 {
        let (c, s, now, socket) = (self.connection, self.scratch, self.now, self.socket);
        // SAFETY: handles and bytes of this test.
        unsafe { avx_websocket_send(c, s, now, socket, text, data.as_ptr(), data.len(), last) }
    }

    pub fn ping(&mut self, data: &[u8]) -> i32 {
        let (c, s, now, socket) = (self.connection, self.scratch, self.now, self.socket);
        // SAFETY: handles and bytes of this test.
        unsafe { avx_websocket_ping(c, s, now, socket, data.as_ptr(), data.len()) }
    }

    pub fn close(&mut self, code: u32, reason: &[u8]) -> i32 {
        let (c, s, now, socket) = (self.connection, self.scratch, self.now, self.socket);
        // SAFETY: handles and bytes of this test.
        unsafe { avx_websocket_close(c, s, now, socket, code, reason.as_ptr(), reason.len()) }
    }

    pub fn reply(&mut self, stream: u64, fields: &[Field]) -> (i32, bool) {
        let (mut accepted, c, s) = (true, self.connection, self.scratch);
        let (f, n, place) = (fields.as_ptr(), fields.len(), &raw mut accepted);
        // SAFETY: handles, a list and a place of this test.
        (unsafe { avx_websocket_reply(c, s, self.now, stream, f, n, place) }, accepted)
    }

    pub fn ask(&mut self, protocols: &str) -> i32 {
        let (c, s, now, entropy) = (self.connection, self.scratch, self.now, [7u8; 48]);
        let (target, authority, protocols) = (bytes(b"/ws"), bytes(b"a"), bytes(protocols.as_bytes()));
        let (e, f, place) = (entropy.as_ptr(), ptr::null(), ptr::null_mut());
        // SAFETY: handles and bytes of this test.
        unsafe { avx_websocket_request(c, s, now, e, target, authority, protocols, f, 0, place) }
    }
}

/// Carries what both ends have to say, and what they hear of it.
pub fn carry(one: &mut End, two: &mut End) -> (Vec<Told>, Vec<Told>) {
    let (mut by_one, mut by_two) = (one.all(), two.all());
    loop {
        one.write();
        two.write();
        let (up, down) = (core::mem::take(&mut one.out), core::mem::take(&mut two.out));
        if up.is_empty() && down.is_empty() {
            return (by_one, by_two);
        }
        two.hear(&up);
        by_two.extend(two.all());
        one.hear(&down);
        by_one.extend(one.all());
    }
}
