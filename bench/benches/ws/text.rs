//! Text that arrives whole or in pieces.

use crate::mask;
use crate::turns::{Run, medians};
use avx_core::ws::mask::Mask;
use avx_core::ws::utf8::{self, Utf8};
use std::hint::black_box;

/// Alphabets by their scripts: words to repeat in an order without a short period.
const SCRIPTS: [(&str, &[&str]); 7] = [
    ("ascii", &["the", "quick", "brown", "fox,", "{\"id\":17}", "jumps", "over", "12.5", "lazy", "dogs"]),
    ("latin", &["naïve", "the", "café", "of", "über", "Łódź", "and", "señor", "plain", "words", "œuvre"]),
    (
        "rare",
        &["plain", "words", "with", "one", "accent", "in", "a", "hundred", "or", "so", "letters", "café"],
    ),
    ("cyrillic", &["быстрая", "коричневая", "лиса", "прыгает", "через", "ленивую", "собаку"]),
    ("cjk", &["敏捷的", "棕色", "狐狸", "跳过", "了", "那只", "懒狗", "すばやい", "茶色の", "狐"]),
    ("emoji", &["🦊", "🐕🐕", "👍🏽", "🎉", "👩‍👩‍👧", "🚀🚀🚀", "❤️"]),
    (
        "chat",
        &["ok", "👍", "см.", "naïve", "你好", "see", "you", "at", "8", "привет", "🎉", "thanks", "wörld"],
    ),
];

/// At least `len` bytes of words, cut at a character.
fn text(words: &[&str], len: usize) -> String {
    let mut seed = 7u32;
    let mut text = String::new();
    while text.len() < len {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push_str(words[(seed >> 16) as usize % words.len()]);
        if words[0].len() != "🦊".len() {
            text.push(' ');
        }
    }
    while !text.is_char_boundary(len) || text.len() > len {
        text.pop();
        if text.len() < len {
            text.push_str(&"x".repeat(len - text.len()));
        }
    }
    text
}

/// The text of that name.
pub fn of(name: &str, len: usize) -> String {
    let (_, words) = SCRIPTS.iter().find(|(script, _)| *script == name).expect("name of a text");
    text(words, len)
}

fn run<'a>(text: &'a str, check: impl Fn(&[u8]) -> bool + 'a) -> Run<'a> {
    Box::new(move |n| {
        for _ in 0..n {
            assert!(check(black_box(text.as_bytes())));
        }
    })
}

fn avx(text: &[u8]) -> bool {
    utf8::is_text(text)
}

/// In pieces of 1 KiB, which cut characters.
fn avx_in_pieces(text: &[u8]) -> bool {
    let mut utf8 = Utf8::new();
    text.chunks(1024).all(|piece| utf8.push(piece).is_ok()) && utf8.is_complete()
}

/// One side, one text, that many times.
pub fn run_one(args: &[String]) {
    let [side, name, len, n] = args else { panic!("usage: --text avx|simdutf8|std TEXT BYTES N") };
    let text = of(name, len.parse().expect("bytes"));
    let check = match side.as_str() {
        "avx" => avx,
        "std" => |text: &[u8]| std::str::from_utf8(text).is_ok(),
        _ => |text: &[u8]| simdutf8::basic::from_utf8(text).is_ok(),
    };
    run(&text, check)(n.parse().expect("number of calls"));
}

/// Masked text, in two steps and on one way. The key is zeros, so that what is unmasked stays text.
fn print_masked() {
    println!("masked text, nanoseconds a call");
    println!("{:<9} {:>9} {:>10} {:>10} {:>6}", "", "bytes", "one way", "two steps", "ratio");
    for name in ["ascii", "latin", "cjk", "chat"] {
        for len in [5, 8, 16, 24, 33, 48, 64] {
            let text = of(name, len);
            let one_way = |text: &mut [u8]| assert!(Mask::new(black_box([0; 4])).unmask_text(text));
            let two_steps = |text: &mut [u8]| {
                Mask::new(black_box([0; 4])).apply(text);
                assert!(utf8::is_text(text));
            };
            let [one, two] =
                medians([mask::run(text.as_bytes(), 6, one_way), mask::run(text.as_bytes(), 6, two_steps)]);
            println!("{name:<9} {len:>9} {one:>10.2} {two:>10.2} {:>6.2}", one / two);
        }
    }
}

pub fn print() {
    print_masked();
    println!("text, nanoseconds a call");
    println!(
        "{:<9} {:>9} {:>10} {:>10} {:>6} {:>10} {:>6} {:>10} {:>6}",
        "", "bytes", "avx", "simdutf8", "ratio", "std", "ratio", "pieces", "ratio"
    );
    for (name, words) in SCRIPTS {
        for len in [
            8,
            12,
            16,
            20,
            32,
            33,
            48,
            64,
            65,
            100,
            125,
            128,
            256,
            512,
            1 << 10,
            4 << 10,
            16 << 10,
            64 << 10,
            1 << 20,
        ] {
            let text = text(words, len);
            let [ours, theirs, std, pieces] = medians([
                run(&text, avx),
                run(&text, |text| simdutf8::basic::from_utf8(text).is_ok()),
                run(&text, |text| std::str::from_utf8(text).is_ok()),
                run(&text, avx_in_pieces),
            ]);
            println!(
                "{name:<9} {len:>9} {ours:>10.2} {theirs:>10.2} {:>6.2} {std:>10.2} {:>6.2} {pieces:>10.2} {:>6.2}",
                ours / theirs,
                ours / std,
                pieces / theirs
            );
        }
    }
}
