//! Every instruction set against the definition, on allocations of exactly the input's size.

use super::*;
use crate::syntax::token::{CLASS, TARGET, TCHAR, VALUE};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// All answers about an input.
struct Ask<'a> {
    input: &'a [u8],
    /// Places are tried in such steps.
    step: usize,
}

#[derive(Debug, PartialEq, Eq)]
struct Answers {
    tokens: Vec<Option<usize>>,
    targets: Vec<Option<usize>>,
    /// Line ends from each of some places on.
    lines: Vec<Vec<usize>>,
}

fn places(len: usize, step: usize) -> impl Iterator<Item = usize> {
    (0..=len).step_by(step)
}

impl<'a> Job<'a> for Ask<'a> {
    type Output = Answers;

    fn input(&self) -> &'a [u8] {
        self.input
    }

    #[inline(always)]
    fn run<S: Scan>(self, mut scan: S) -> Answers {
        let Ask { input, step } = self;
        let len = input.len();
        assert_eq!(&scan.input()[..len], input);
        assert!(scan.input()[len..].iter().all(|&b| b == 0));
        // The zeros behind a short input end every word.
        let inside = |at: &usize| *at < len;
        let tokens = places(len, step).map(|from| scan.token_end(from).filter(inside)).collect();
        let targets = places(len, step).map(|from| scan.target_end(from).filter(inside)).collect();
        let mut lines = Vec::new();
        for from in places(len, step) {
            scan.seek(from);
            let mut ends = Vec::new();
            while let Some(end) = scan.line_end().filter(inside) {
                ends.push(end);
            }
            lines.push(ends);
        }
        // Nonsense is answered, too.
        for from in [len + 1, len + 31, len + 32, len + 100, usize::MAX / 2] {
            scan.seek(from);
            for answer in [scan.line_end(), scan.token_end(from), scan.target_end(from)] {
                assert!(answer.is_none_or(|at| at >= len));
            }
        }
        Answers { tokens, targets, lines }
    }
}

fn expected(input: &[u8], step: usize) -> Answers {
    let len = input.len();
    let first = |from: usize, class: u8| (from..len).find(|&at| CLASS[input[at] as usize] & class == 0);
    let control = |at: usize| CLASS[input[at] as usize] & VALUE == 0;
    let ends =
        |from: usize| (from..len).filter(|&at| control(at) && (at == from || !control(at - 1))).collect();
    Answers {
        tokens: places(len, step).map(|from| first(from, TCHAR)).collect(),
        targets: places(len, step).map(|from| first(from, TARGET)).collect(),
        lines: places(len, step).map(ends).collect(),
    }
}

fn check(input: &[u8], step: usize) {
    let exact: Box<[u8]> = input.into();
    let expected = expected(&exact, step);
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        assert_eq!(run(isa, Ask { input: &exact, step }), expected, "{isa:?} {}", input.escape_ascii());
    }
    assert_eq!(dispatch(Ask { input: &exact, step }), expected);
}

#[test]
fn every_instruction_set_answers_by_the_definition() {
    let mut seed = 1u64;
    let mut below = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    let lengths: Vec<usize> = if cfg!(miri) {
        [0, 1, 15, 31, 32, 33, 50, 63, 64, 65, 100, 128, 150].into_iter().collect()
    } else {
        (0..300).collect()
    };
    for len in lengths {
        for rare in if cfg!(miri) { [3, 3, 40] } else { [1, 4, 40] } {
            let mut input: Vec<u8> = (0..len).map(|_| b"aZ09-_"[below(6)]).collect();
            for byte in &mut input {
                if below(rare) == 0 {
                    *byte = below(256) as u8;
                }
            }
            // Line ends as they come in heads.
            for at in (0..len.saturating_sub(1)).step_by(1 + below(60)) {
                if below(2) == 0 {
                    input[at..at + 2].copy_from_slice(b"\r\n");
                }
            }
            check(&input, if cfg!(miri) { 23 } else { 5 });
        }
    }
}

#[test]
fn every_byte_is_in_the_right_classes_at_every_place() {
    for b in (0..=255).step_by(if cfg!(miri) { 31 } else { 1 }) {
        for len in [1, 31, 32, 40, 63, 64, 65, 130] {
            for at in (0..len).step_by(if cfg!(miri) { 17 } else { 3 }) {
                let mut input = [b'a'; 130];
                input[at] = b;
                check(&input[..len], 37);
            }
        }
    }
}
