//! The head parser: resuming gives what parsing at once gives, and what it gives is inside the head.

use crate::{config, options, pieces};
use avx_core::h1::head::{Options, Parsed, Parser};
use avx_core::{Fields, PeerError, Span, syntax};
use std::fmt::Debug;

/// Request heads.
pub fn head_request(data: &[u8]) {
    check(data, |parser, input, spans, options| parser.request(input, spans, options));
}

/// Response heads.
pub fn head_response(data: &[u8]) {
    check(data, |parser, input, spans, options| parser.response(input, spans, options));
}

/// Trailer sections.
pub fn head_trailers(data: &[u8]) {
    check(data, |parser, input, spans, options| parser.trailers(input, spans, options));
}

fn check<L: Copy + Debug + PartialEq>(
    data: &[u8],
    parse: impl Fn(&mut Parser, &[u8], &mut [Span], &Options) -> Result<Parsed<L>, PeerError>,
) {
    let Some(([bits, step], input)) = options(data) else { return };
    let config = config(bits);
    let options = Options::new(&config.limits, &config.lenient);
    let lines = usize::from(config.limits.fields);
    let mut spans = vec![Span::default(); lines];
    let whole = parse(&mut Parser::new(), input, &mut spans, &options);

    // In pieces, with other memory for the spans each time.
    let mut parser = Parser::new();
    let (mut len, mut none_before) = (0, 0);
    let mut again = Ok(Parsed::Partial { at_least: 1 });
    let mut spans_again = Vec::new();
    for piece in pieces(input, step) {
        len += piece.len();
        spans_again = vec![Span::default(); lines];
        again = parse(&mut parser, &input[..len], &mut spans_again, &options);
        match again {
            Ok(Parsed::Partial { at_least }) => {
                assert!(at_least > 0 && at_least <= options.head as usize + 1, "{at_least}");
                none_before = len + at_least;
            }
            Ok(Parsed::Complete { .. }) => {
                assert!(len >= none_before, "complete within {len}, none promised before {none_before}");
                break;
            }
            Err(error) => {
                assert_eq!(parse(&mut parser, &input[..len], &mut spans_again, &options), Err(error));
                break;
            }
        }
    }
    match (whole, again) {
        (Ok(Parsed::Partial { .. }), Ok(Parsed::Partial { .. })) => {}
        (whole, again) => assert_eq!(again, whole),
    }
    if let Ok(Parsed::Complete { fields, len, folded, .. }) = whole {
        assert!(fields <= lines && len <= input.len() && len <= options.head as usize);
        assert_eq!(spans[..fields], spans_again[..fields]);
        assert!(!folded || options.obs_fold);
        for field in Fields::new(&input[..len], &spans[..fields]) {
            assert!(syntax::token::is_token(field.name), "{field:?}");
            let unfolded: Vec<u8> = field
                .value
                .iter()
                .map(|&b| if folded && matches!(b, b'\r' | b'\n') { b' ' } else { b })
                .collect();
            assert!(syntax::token::is_field_value(&unfolded), "{field:?}");
        }
    }
}
