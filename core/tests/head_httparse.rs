//! Agreement with httparse, another parser of the same grammar, where both are equally strict.

mod head_support;
#[path = "../benches/heads/mod.rs"]
mod heads;

use avx_core::Fields;
use avx_core::h1::head::{Options, Parsed, Parser};
use head_support::{Kind, heads as generated, mutated};
use proptest::prelude::*;

/// Names and values, and the length.
type Lines = (Vec<(Vec<u8>, Vec<u8>)>, usize);

fn ours(kind: Kind, input: &[u8]) -> Option<Lines> {
    let mut spans = [avx_core::Span::default(); 64];
    let options = Options::default();
    let (fields, len) = match kind {
        Kind::Request => match Parser::new().request(input, &mut spans, &options) {
            Ok(Parsed::Complete { fields, len, .. }) => (fields, len),
            _ => return None,
        },
        _ => match Parser::new().response(input, &mut spans, &options) {
            Ok(Parsed::Complete { fields, len, .. }) => (fields, len),
            _ => return None,
        },
    };
    let fields = Fields::new(input, &spans[..fields]);
    Some((fields.iter().map(|f| (f.name.to_vec(), f.value.to_vec())).collect(), len))
}

fn theirs(kind: Kind, input: &[u8]) -> Option<Lines> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let status = match kind {
        Kind::Request => httparse::Request::new(&mut headers).parse(input),
        _ => httparse::Response::new(&mut headers).parse(input),
    };
    match status {
        Ok(httparse::Status::Complete(len)) => {
            let lines = headers.iter().take_while(|h| !h.name.is_empty());
            Some((lines.map(|h| (h.name.as_bytes().to_vec(), h.value.to_vec())).collect(), len))
        }
        _ => None,
    }
}

#[test]
fn the_measured_heads_are_read_alike() {
    for head in heads::mixed().iter().map(Vec::as_slice).chain([heads::TINY, heads::BROWSER, heads::MODERN]) {
        assert!(ours(Kind::Request, head).is_some());
        assert_eq!(ours(Kind::Request, head), theirs(Kind::Request, head));
    }
    assert!(ours(Kind::Response, heads::RESPONSE).is_some());
    assert_eq!(ours(Kind::Response, heads::RESPONSE), theirs(Kind::Response, heads::RESPONSE));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// httparse is laxer: it takes bare LF, more bytes in targets, several spaces. What we take, it
    /// takes, but for versions above 1.1, obs-text in a reason and whitespace around that.
    #[test]
    fn whatever_we_read_httparse_reads_alike(
        (kind, input) in prop_oneof![Just(Kind::Request), Just(Kind::Response)]
            .prop_flat_map(|kind| (Just(kind), prop_oneof![generated(kind), mutated(kind)])),
    ) {
        if let Some(lines) = ours(kind, &input) {
            let ours_alone = input.windows(8).any(|w| w.starts_with(b"HTTP/1.") && w[7] > b'1');
            let other = theirs(kind, &input);
            if other.is_some() || !ours_alone {
                prop_assert_eq!(Some(lines), other);
            }
        }
    }
}
