//! Masking in place.

use crate::turns::{Run, medians};
use avx_core::ws::mask::Mask;
use std::hint::black_box;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Masks copies of `message` that begin `start` bytes behind multiples of 64. Short ones take turns, as those of
/// a connection do: what was just written is not what is read next.
pub fn run<'a>(message: &[u8], start: usize, mask: impl Fn(&mut [u8]) + 'a) -> Run<'a> {
    let len = message.len();
    let stride = (start + len).next_multiple_of(64);
    let places = (8192 / stride).max(1);
    let mut buf = vec![0; places * stride + 64];
    let first = buf.as_ptr().align_offset(64) + start;
    for place in 0..places {
        buf[first + place * stride..][..len].copy_from_slice(message);
    }
    let mut place = 0;
    Box::new(move |n| {
        for _ in 0..n {
            let at = first + place * stride;
            mask(black_box(&mut buf[at..at + len]));
            place = if place + 1 < places { place + 1 } else { 0 };
        }
    })
}

fn avx(data: &mut [u8]) {
    Mask::new(black_box(KEY)).apply(data);
}

fn fastwebsockets(data: &mut [u8]) {
    fastwebsockets::unmask(data, black_box(KEY));
}

/// The bare loop that memory allows: 128 bytes a turn, and what is left of them one by one.
#[cfg(target_arch = "x86_64")]
fn loop_of_avx2(data: &mut [u8]) {
    #[target_feature(enable = "avx2")]
    unsafe fn run(data: &mut [u8], key: [u8; 4]) {
        use std::arch::x86_64::*;
        // SAFETY: AVX2 is there; chunks are read and written within their 128 bytes.
        unsafe {
            let wide = _mm256_set1_epi32(i32::from_ne_bytes(key));
            let mut chunks = data.chunks_exact_mut(128);
            for chunk in &mut chunks {
                for i in 0..4 {
                    let at = chunk.as_mut_ptr().add(32 * i).cast();
                    _mm256_storeu_si256(at, _mm256_xor_si256(_mm256_loadu_si256(at), wide));
                }
            }
            for (i, byte) in chunks.into_remainder().iter_mut().enumerate() {
                *byte ^= key[i % 4];
            }
        }
    }
    assert!(is_x86_feature_detected!("avx2"), "this processor has no AVX2 to compare with");
    // SAFETY: AVX2 is there.
    unsafe { run(data, black_box(KEY)) }
}

#[cfg(not(target_arch = "x86_64"))]
fn loop_of_avx2(data: &mut [u8]) {
    avx(data);
}

pub fn print() {
    println!("masking in place, nanoseconds a call; the worst ratio is of all alignments, with its place");
    println!(
        "{:>9} {:>10} {:>10} {:>6} {:>12} {:>10} {:>6} {:>12}",
        "bytes", "avx", "fastws", "ratio", "worst", "loop", "ratio", "worst"
    );
    let lengths =
        [1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 20, 31, 32, 33, 48, 63, 64, 65, 80, 96, 100, 125, 128, 160, 200];
    for len in lengths.into_iter().chain([256, 400, 512, 1000]).chain((10..=20).map(|bits| 1 << bits)) {
        let starts: &[usize] = if len > 1 << 16 { &[0, 6] } else { &[0, 1, 4, 6, 10, 14, 29, 63] };
        let message = vec![0x5a; len];
        let (mut mean, mut worst) = ([0.0; 3], [(0.0, 0); 2]);
        for &start in starts {
            let [ours, theirs, bare] = medians([
                run(&message, start, avx),
                run(&message, start, fastwebsockets),
                run(&message, start, loop_of_avx2),
            ]);
            for (sum, time) in mean.iter_mut().zip([ours, theirs, bare]) {
                *sum += time / starts.len() as f64;
            }
            for (worst, ratio) in worst.iter_mut().zip([ours / theirs, ours / bare]) {
                if ratio > worst.0 {
                    *worst = (ratio, start);
                }
            }
        }
        let [ours, theirs, bare] = mean;
        let [by_theirs, by_bare] = worst.map(|(ratio, at)| format!("{ratio:.2} at {at}"));
        println!(
            "{len:>9} {ours:>10.2} {theirs:>10.2} {:>6.2} {by_theirs:>12} {bare:>10.2} {:>6.2} {by_bare:>12}",
            ours / theirs,
            ours / bare
        );
    }
}
