//! The parser against the obvious one: the same answer for every input, cutting, leniency, limit and
//! instruction set.

mod head_support;

use head_support::{
    Kind, Outcome, cut, heads, kinds, mutated, on_each_isa, options, oracle, soup, step, whole,
};
use proptest::prelude::*;

use avx_core::h1::head::{Options, Parser};

fn any_input() -> impl Strategy<Value = (Kind, Vec<u8>)> {
    kinds().prop_flat_map(|kind| {
        let inputs = prop_oneof![
            4 => mutated(kind),
            1 => soup(),
            1 => prop::collection::vec(any::<u8>(), 0..100),
        ];
        (Just(kind), inputs)
    })
}

/// More cases by `PROPTEST_CASES`.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(2000), failure_persistence: None, ..config }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_instruction_set_agrees_with_the_oracle(
        (kind, input) in any_input(),
        options in options(),
        spans in prop_oneof![4 => Just(16usize), 1 => 0usize..4],
    ) {
        let expected = oracle(kind, &input, spans, &options);
        on_each_isa(|isa| {
            assert_eq!(whole(kind, &input, spans, &options).coarse(), expected, "{isa:?}");
        });
    }

    #[test]
    fn the_cutting_changes_nothing(
        (kind, input) in any_input(),
        options in options(),
        spans in prop_oneof![4 => Just(16usize), 1 => 0usize..4],
        mut cuts in prop::collection::vec(0usize..400, 0..6),
    ) {
        cuts.sort_unstable();
        on_each_isa(|isa| {
            let expected = whole(kind, &input, spans, &options);
            assert_eq!(cut(kind, &input, &cuts, spans, &options), expected, "{isa:?} {cuts:?}");
        });
    }

    #[test]
    fn byte_by_byte_every_answer_is_that_of_the_bytes_so_far(
        (kind, input) in any_input(),
        options in options(),
        spans in prop_oneof![4 => Just(16usize), 1 => 0usize..4],
    ) {
        on_each_isa(|isa| {
            let mut parser = Parser::new();
            for end in 0..=input.len() {
                let seen = &input[..end];
                let outcome = step(&mut parser, kind, seen, spans, &options);
                assert_eq!(outcome, whole(kind, seen, spans, &options), "{isa:?} {end}");
                assert_eq!(outcome.coarse(), oracle(kind, seen, spans, &options), "{isa:?} {end}");
                if !matches!(outcome, Outcome::Partial { .. }) {
                    break;
                }
            }
        });
    }

    #[test]
    fn what_is_behind_the_head_changes_nothing(
        kind in kinds(),
        seed in any::<prop::sample::Index>(),
        rest in prop::collection::vec(any::<u8>(), 0..200),
        heads in (heads(Kind::Request), heads(Kind::Response), heads(Kind::Trailers)),
    ) {
        let options = Options::default();
        let head = match kind { Kind::Request => heads.0, Kind::Response => heads.1, Kind::Trailers => heads.2 };
        if let complete @ Outcome::Complete { .. } = whole(kind, &head, 16, &options) {
            let Outcome::Complete { len, .. } = complete else { unreachable!() };
            let longer = [&head[..len], &rest].concat();
            on_each_isa(|isa| {
                assert_eq!(whole(kind, &head[..len], 16, &options), complete, "{isa:?}");
                assert_eq!(whole(kind, &longer, 16, &options), complete, "{isa:?}");
            });
            // And one byte less is never enough, by as much as was promised.
            let end = seed.index(len);
            match whole(kind, &head[..end], 16, &options) {
                Outcome::Partial { at_least } => prop_assert!((1..=len - end).contains(&at_least)),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn every_length_of_name_and_value_is_read_alike_at_every_offset() {
    on_each_isa(|isa| {
        for target in (1..140).step_by(3) {
            for name in [1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 66, 97] {
                for value in (0..70).chain([126, 127, 128, 129, 190, 191, 192, 193]) {
                    let [t, n, v] = [target, name, value].map(|n| "x".repeat(n));
                    let input = format!("GET {t} HTTP/1.1\r\n{n}: {v}\r\n{n}:{v} \r\n\r\n");
                    let expected = oracle(Kind::Request, input.as_bytes(), 2, &Options::default());
                    assert!(matches!(expected, Outcome::Complete { .. }));
                    let found = whole(Kind::Request, input.as_bytes(), 2, &Options::default());
                    assert_eq!(found, expected, "{isa:?} {target} {name} {value}");
                }
            }
        }
    });
}

#[test]
fn every_byte_at_every_place_of_a_head_is_judged_alike() {
    let head = b"PATCH /a/target?of=ordinary&length HTTP/1.1\r\nHost: www.example.org\r\n\
        A-Name-Longer-Than-A-Window-Of-32-Bytes: and a value\r\nX:\r\nY: \t z \t\r\n\r\n";
    on_each_isa(|isa| {
        for at in 0..head.len() {
            for b in 0..=255 {
                let mut input = head.to_vec();
                input[at] = b;
                for options in
                    [Options::default(), Options { bare_lf: true, obs_fold: true, ..Options::default() }]
                {
                    let expected = oracle(Kind::Request, &input, 4, &options);
                    let found = whole(Kind::Request, &input, 4, &options).coarse();
                    assert_eq!(found, expected, "{isa:?} {b:#x} at {at}");
                }
            }
        }
    });
}
