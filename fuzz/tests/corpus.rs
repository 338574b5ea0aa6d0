//! Replays the corpus of every target, and mutations of it with fixed seeds.

use avx_fuzz::{TARGETS, Target};
use std::path::Path;

/// Mutations of each file.
const ROUNDS: u64 = 40;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut files: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn target(name: &str) -> Target {
    TARGETS.iter().find(|(n, _)| *n == name).unwrap().1
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % n.max(1) as u64) as usize
    }
}

fn mutate(input: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    for _ in 0..=random.below(4) {
        if input.is_empty() {
            return;
        }
        let at = random.below(input.len());
        let end = input.len().min(at + 1 + random.below(12));
        match random.below(6) {
            0 => input[at] = random.below(256) as u8,
            1 => input[at] = b"\r\n :;,\t\0\"0"[random.below(10)],
            2 => drop(input.drain(at..end)),
            3 => {
                let copy = input[at..end].to_vec();
                drop(input.splice(at..at, copy));
            }
            4 => input.insert(at, b"\r\n :;,\t\0\"0"[random.below(10)]),
            _ => {
                let other = &others[random.below(others.len())];
                let from = random.below(other.len().max(1)).min(other.len());
                drop(input.splice(at..end, other[from..].iter().take(30).copied()));
            }
        }
    }
}

fn replay(name: &str) {
    let (target, corpus) = (target(name), corpus(name));
    assert!(corpus.len() >= 10, "{name} has a corpus of {}", corpus.len());
    corpus.iter().for_each(|input| target(input));
    let mut random = Random(name.len() as u64);
    for input in &corpus {
        for _ in 0..ROUNDS {
            let mut input = input.clone();
            mutate(&mut input, &corpus, &mut random);
            target(&input);
        }
    }
}

macro_rules! replayed {
    ($( $name:ident )*) => {
        $( #[test] fn $name() { replay(stringify!($name)); } )*

        #[test]
        fn every_target_is_replayed() {
            assert_eq!([$( stringify!($name) ),*], TARGETS.map(|(name, _)| name));
        }
    };
}

replayed! {
    head_request head_response head_trailers chunked server client server_calls client_calls session any_connection
    hpack_decode h2_frames h2_server h2_client ws_server ws_client ws_deflate ws_handshake
}
