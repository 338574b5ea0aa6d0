//! Any call at any time with any argument: codes come back, never a panic (which would be `AVX_ERROR_UNUSABLE`), a hang or
//! memory that is not the caller's. Deterministic; `MONKEY=n` asks for more rounds.
#![allow(unsafe_code, reason = "C's side")]

mod support;

use avx::*;
use core::ptr::{null, null_mut};
use support::*;

/// xorshift64*: any order that is the same for everybody will do.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }
}

/// An extended CONNECT on stream 1: `:method CONNECT`, `:protocol websocket`, `:scheme http`, `:path /`, `:authority a`,
/// `sec-websocket-version 13`.
const EXTENDED: &[u8] =
    b"\0\0\x3d\x01\x04\0\0\0\x01\x02\x07CONNECT\0\x09:protocol\x09websocket\x86\x84\x41\x01a\
    \0\x15sec-websocket-version\x0213";

const INPUT: [&[u8]; 26] = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5\r\nhello\r\n",
    b"0\r\nX: y\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    b"\0\0\0\x04\0\0\0\0\0",
    b"\0\0\0\x04\x01\0\0\0\0",
    b"\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01a",
    b"\0\0\x06\x01\x04\0\0\0\x03\x83\x86\x84\x41\x01a",
    b"\0\0\x05\0\x01\0\0\0\x03hello",
    b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08",
    b"\0\0\x04\x08\0\0\0\0\0\0\x10\0\0",
    b"\0\0\x01\x01\x04\0\0\0\x01\x88",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
    b"\x01\x80\0\0\0\0\x89\x80\0\0\0\0",
    b"\x81\x05Hello\x89\0",
    b"\x88\x82\0\0\0\0\x03\xe8",
    EXTENDED,
    b"\0\0\x0b\0\0\0\0\0\x01\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
    b"\0\0\x08\0\x01\0\0\0\x01\x88\x82\0\0\0\0\x03\xe8",
    b"\0\0\x06\x04\0\0\0\0\0\0\x08\0\0\0\x01",
];

/// One call. Says whether the handles are still of use.
fn call(dice: &mut Dice, end: &mut End, scratch: *mut Scratch) -> i32 {
    let (c, s) = (end.connection, scratch);
    end.now += dice.of(&[0, 0, 1000, 1_000_000, 1_000_000_000, 40_000_000_000]);
    // Now and then time runs backwards, or to its end.
    let now = dice.of(&[end.now, end.now, end.now, end.now, end.now, 0, u64::MAX]);
    let id = dice.of(&[1, 1, 1, 3, 3, 5, 0, 2, u64::MAX]);
    let status = dice.of(&[200, 200, 204, 304, 100, 101, 103, 404, 599, 0, 70_000]);
    let length = dice.of(&[-1, 0, 5, 5, 100_000, i64::MAX, -2]);
    let fields = [
        field("content-type", "text/plain"),
        field("upgrade", "websocket"),
        field("content-length", "5"),
        field("te", "trailers"),
        field("a b", "c"),
        field("x", "a\r\nb"),
        field("connection", "close"),
    ];
    let (first, most) = (dice.below(7) as usize, dice.below(3) as usize);
    let fields = &fields[first..(first + most).min(7)];
    let (f, fields_len) = (fields.as_ptr(), fields.len());
    let content = [b'x'; 70_000];
    let n = dice.of(&[0, 1, 5, 125, 126, 1000, 20_000, 70_000]);
    let yes = dice.below(2) == 0;
    let mut taken = 0;
    // SAFETY: live handles, lists and places of this test; numbers may be anything.
    unsafe {
        match dice.below(34) {
            0..=4 => {
                let mut event = null();
                let code = avx_next(c, s, now, &raw mut event);
                if code == 0 && !event.is_null() {
                    let told = Told::of(&*event);
                    assert_ne!(told.kind, EventKind::AvxEventNone);
                }
                code
            }
            5..=7 => {
                let step = {
                    let mut step = core::mem::zeroed();
                    let code = avx_next_step(c, s, &raw mut step);
                    if code != 0 {
                        return code;
                    }
                    step
                };
                match step.kind {
                    StepKind::AvxStepWrite => {
                        core::hint::black_box(slice(step.bytes).iter().map(|&b| u64::from(b)).sum::<u64>());
                        avx_did_write(c, now, dice.below(step.bytes.len as u64 + 1) as usize)
                    }
                    StepKind::AvxStepRead => {
                        let input = dice.of(&INPUT);
                        let n = input.len().min(step.memory_len);
                        core::ptr::copy_nonoverlapping(input.as_ptr(), step.memory, n);
                        if dice.below(4) == 0 {
                            // The other end says something while the kernel still writes.
                            call(dice, end, scratch);
                        }
                        avx_did_read(c, now, n)
                    }
                    _ => 0,
                }
            }
            8..=10 => {
                let input = dice.of(&INPUT);
                let cut = dice.below(input.len() as u64 + 1) as usize;
                let whole = dice.below(4) > 0;
                avx_read_from(c, s, now, input.as_ptr(), if whole { input.len() } else { cut })
            }
            11 => avx_did_read(c, now, dice.of(&[0, 1, 1000, usize::MAX])),
            12 => avx_did_write(c, now, dice.of(&[0, 1, 1000, usize::MAX])),
            13 => avx_timed_out(c, dice.of(&[now, avx_deadline(c), u64::MAX])),
            14 => avx_hold(c, now),
            15 => avx_rest(c, s),
            16 => {
                if dice.below(20) == 0 {
                    avx_shutdown(c, now)
                } else {
                    0
                }
            }
            17 => avx_discard(c, dice.of(&[0, 1, usize::MAX])),
            18 => avx_send_request(
                c,
                s,
                now,
                bytes(dice.of(&[&b"GET"[..], b"POST", b"CONNECT", b"HEAD", b"a b", b""])),
                bytes(b"/"),
                bytes(b"a"),
                f,
                fields_len,
                length,
                &raw mut taken,
            ),
            19 => avx_send_informational(c, s, now, id, status, f, fields_len),
            20..=21 => avx_send_response(c, s, now, id, status, f, fields_len, length, null_mut()),
            22 => avx_send_full(c, s, now, id, status, f, fields_len, content.as_ptr(), n),
            23..=24 => avx_send_data(c, s, now, id, content.as_ptr(), n, null_mut()),
            25 => avx_send_end(c, s, now, id, f, fields_len),
            26 => {
                if dice.below(10) == 0 {
                    avx_reset(c, now, id, dice.next() as u32)
                } else {
                    0
                }
            }
            27 => avx_release(c, id, dice.of(&[0, 1, 5, 1000, usize::MAX])),
            28 => avx_done(c, now, id),
            29 => {
                avx_next_writable(c);
                avx_wants_write(c, id, yes)
            }
            30 => avx_websocket_reply(c, s, now, id, f, fields_len, null_mut()),
            31 => avx_websocket_request(
                c,
                s,
                now,
                content.as_ptr(),
                bytes(b"/"),
                bytes(b"a"),
                bytes(b""),
                f,
                fields_len,
                null_mut(),
            ),
            32 => avx_websocket_send(c, s, now, id, yes, content.as_ptr(), n, dice.below(3) > 0),
            _ => match dice.below(8) {
                0 => avx_websocket_close(
                    c,
                    s,
                    now,
                    id,
                    dice.of(&[1000, 1005, 1006, 4000, 99_999]),
                    content.as_ptr(),
                    n.min(200),
                ),
                1..=4 => avx_websocket_ping(c, s, now, id, content.as_ptr(), n),
                _ => {
                    avx_peer_error(c);
                    avx_peer_error_status(c);
                    0
                }
            },
        }
    }
}

#[test]
fn nothing_a_caller_does_breaks_the_library() {
    let rounds = std::env::var("MONKEY").ok().and_then(|n| n.parse().ok()).unwrap_or(if cfg!(miri) {
        3
    } else {
        3000
    });
    let mut dice = Dice(0x9112_9113_6455);
    for round in 0..rounds {
        let config = avx_config_new();
        // SAFETY: handles and places of this test.
        let mut end = unsafe {
            avx_config_set(config, Setting::AvxOptionConnectProtocol as u32, 1);
            avx_config_set(config, Setting::AvxOptionDeflate as u32, dice.below(2));
            for _ in 0..dice.below(3) {
                let value = dice.of(&[0, 1, 100, 5000, 0xffff_ffff, u64::MAX]);
                avx_config_set(config, dice.of(SETTINGS) as u32, value);
            }
            let secure = dice.below(2) == 0;
            let end = match dice.below(7) {
                0 | 1 => End::of(|place| avx_server_new(config, 0, NOW, place)),
                2 => End::of(|place| avx_server_new(config, 20, NOW, place)),
                3 => End::of(|place| avx_client_new(config, 11, secure, NOW, place)),
                4 => End::of(|place| avx_client_new(config, 20, secure, NOW, place)),
                5 => End::of(|place| avx_websocket_server_new(config, NOW, place)),
                _ => {
                    End::of(|place| avx_websocket_client_new(config, NOW, [round as u8; 32].as_ptr(), place))
                }
            };
            avx_config_free(config);
            end
        };
        // Two threads' worth of memory, taken in turns.
        let other = avx_scratch_new();
        for n in 0..dice.below(200) {
            let scratch = if dice.below(10) == 0 { other } else { end.scratch };
            let code = call(&mut dice, &mut end, scratch);
            assert_ne!(code, Code::AvxErrorUnusable as i32, "round {round}, call {n}");
            assert!(code <= 0, "round {round}, call {n}: {code}");
        }
        // SAFETY: a handle that is not used again.
        unsafe { avx_scratch_free(other) };
    }
}
