//! The chunked coding: the same data, extensions and end for every cutting.

use crate::{config, options, pieces};
use avx_core::h1::chunked::{Chunked, Piece};
use avx_core::{Config, PeerError};

/// Chunked bodies.
pub fn chunked(data: &[u8]) {
    let Some(([bits, step], input)) = options(data) else { return };
    let config = config(bits);
    let whole = read(&config, [input].into_iter());
    assert_eq!(read(&config, pieces(input, step)), whole);
    assert_eq!(read(&config, input.chunks(1)), whole);
}

/// Data, extensions, and how it ended: with so many bytes left, with an error, or not.
type Read = (Vec<u8>, Vec<u8>, Result<Option<usize>, PeerError>);

fn read<'a>(config: &Config, pieces: impl Iterator<Item = &'a [u8]>) -> Read {
    let (mut data, mut extensions, mut chunked) = (Vec::new(), Vec::new(), Chunked::new());
    let mut total = 0;
    for piece in pieces {
        let mut rest = piece;
        total += piece.len();
        loop {
            match chunked.recv(rest, &config.limits, &config.lenient, config.chunk_extensions) {
                Ok(Piece::Data { skip, len }) => {
                    assert!(len > 0);
                    data.extend_from_slice(&rest[skip..skip + len]);
                    rest = &rest[skip + len..];
                }
                Ok(Piece::Extension { skip, len, consumed }) => {
                    assert!(len > 0 && consumed >= skip + len && config.chunk_extensions);
                    extensions.extend_from_slice(&rest[skip..skip + len]);
                    rest = &rest[consumed..];
                }
                // Bytes up to the end, from the front of the input.
                Ok(Piece::Last { skip }) => return (data, extensions, Ok(Some(total - rest.len() + skip))),
                Ok(Piece::More { at_least }) => {
                    assert!(at_least > 0);
                    break;
                }
                Err(error) => return (data, extensions, Err(error)),
            }
        }
    }
    (data, extensions, Ok(None))
}
