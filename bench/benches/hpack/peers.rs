//! The encoders and decoders compared, behind one interface: a corpus at a time, a fresh connection for
//! each of its connections.

use crate::corpus::{Corpus, List};
use avx_core::Field;
use avx_core::h2::hpack::{DecodeLimits, Decoder, Encoder, Section};
use libnghttp2_sys::{nghttp2_hd_deflater, nghttp2_nv};
use std::hint::black_box;
use std::os::raw::c_int;
use std::ptr::null_mut;

/// Header blocks of each connection.
pub type Blocks = Vec<Vec<Vec<u8>>>;

/// What is called again and again.
pub type Run<'a> = Box<dyn FnMut() + 'a>;

const LIMITS: DecodeLimits = DecodeLimits { list_size: 64 << 10, fields: 200 };

fn fields(corpus: &Corpus) -> Vec<Vec<Vec<Field<'_>>>> {
    fn list(list: &List) -> Vec<Field<'_>> {
        list.iter().map(|(name, value)| Field::new(name, value)).collect()
    }
    corpus.connections.iter().map(|lists| lists.iter().map(list).collect()).collect()
}

pub mod avx {
    use super::*;

    pub fn blocks(corpus: &Corpus) -> Blocks {
        let connection = |lists: &Vec<Vec<Field<'_>>>| {
            let mut encoder = Encoder::new();
            let block = |list: &Vec<Field<'_>>| {
                let mut out = vec![0; encoder.bound(list.iter().copied())];
                let len = encoder.encode(list.iter().copied(), &mut out);
                out.truncate(len);
                out
            };
            lists.iter().map(block).collect()
        };
        fields(corpus).iter().map(connection).collect()
    }

    pub fn encode(corpus: &Corpus) -> Run<'_> {
        let fields = fields(corpus);
        let mut out = vec![0; 64 << 10];
        Box::new(move || {
            for lists in &fields {
                let mut encoder = Encoder::new();
                for list in lists {
                    let bound = encoder.bound(list.iter().copied());
                    black_box(encoder.encode(black_box(list).iter().copied(), &mut out[..bound]));
                }
            }
        })
    }

    pub fn decode(blocks: &Blocks) -> Run<'_> {
        let mut section = Section::new();
        Box::new(move || {
            for blocks in blocks {
                let mut decoder = Decoder::new(4096);
                for block in blocks {
                    let decoded = decoder.decode(black_box(block), &mut section, LIMITS);
                    assert!(black_box(decoded).is_ok_and(|d| !d.too_large));
                    black_box(section.fields());
                }
            }
        })
    }
}

// Those that the bindings leave out.
#[repr(C)]
struct Inflater([u8; 0]);
unsafe extern "C" {
    fn nghttp2_hd_deflate_hd2(
        deflater: *mut nghttp2_hd_deflater,
        buf: *mut u8,
        len: usize,
        nva: *const nghttp2_nv,
        nvlen: usize,
    ) -> isize;
    fn nghttp2_hd_inflate_new(inflater: *mut *mut Inflater) -> c_int;
    fn nghttp2_hd_inflate_del(inflater: *mut Inflater);
    fn nghttp2_hd_inflate_hd3(
        inflater: *mut Inflater,
        nv: *mut nghttp2_nv,
        flags: *mut c_int,
        block: *const u8,
        len: usize,
        last: c_int,
    ) -> isize;
    fn nghttp2_hd_inflate_end_headers(inflater: *mut Inflater) -> c_int;
}
const INFLATE_FINAL: c_int = 1;
const INFLATE_EMIT: c_int = 2;

pub mod nghttp2 {
    use super::*;

    type Lists = Vec<Vec<Vec<nghttp2_nv>>>;

    fn lists(corpus: &Corpus) -> Lists {
        let field = |(name, value): &(String, String)| nghttp2_nv {
            name: name.as_ptr().cast_mut(),
            value: value.as_ptr().cast_mut(),
            namelen: name.len(),
            valuelen: value.len(),
            flags: 0,
        };
        let list = |list: &Vec<(String, String)>| list.iter().map(field).collect();
        corpus.connections.iter().map(|lists| lists.iter().map(list).collect()).collect()
    }

    struct Deflater(*mut nghttp2_hd_deflater);

    impl Deflater {
        fn new() -> Self {
            let mut deflater = null_mut();
            // SAFETY: the pointer to be filled is valid; 4096 is the size both sides begin with.
            let code = unsafe { libnghttp2_sys::nghttp2_hd_deflate_new(&mut deflater, 4096) };
            assert_eq!(code, 0);
            Deflater(deflater)
        }

        fn encode(&mut self, list: &[nghttp2_nv], out: &mut [u8]) -> usize {
            // SAFETY: both slices are passed with their lengths; the fields point into the corpus.
            let len = unsafe {
                nghttp2_hd_deflate_hd2(self.0, out.as_mut_ptr(), out.len(), list.as_ptr(), list.len())
            };
            len.try_into().expect("room")
        }
    }

    impl Drop for Deflater {
        fn drop(&mut self) {
            // SAFETY: made by `new` and dropped once.
            unsafe { libnghttp2_sys::nghttp2_hd_deflate_del(self.0) }
        }
    }

    pub fn blocks(corpus: &Corpus) -> Blocks {
        let connection = |lists: &Vec<Vec<nghttp2_nv>>| {
            let mut encoder = Deflater::new();
            let block = |list: &Vec<nghttp2_nv>| {
                let mut out = vec![0; 64 << 10];
                let len = encoder.encode(list, &mut out);
                out.truncate(len);
                out
            };
            lists.iter().map(block).collect()
        };
        lists(corpus).iter().map(connection).collect()
    }

    pub fn encode(corpus: &Corpus) -> Run<'_> {
        let connections = lists(corpus);
        let mut out = vec![0; 64 << 10];
        Box::new(move || {
            for lists in &connections {
                let mut encoder = Deflater::new();
                for list in lists {
                    black_box(encoder.encode(black_box(list), &mut out));
                }
            }
        })
    }

    pub fn decode(blocks: &Blocks) -> Run<'_> {
        Box::new(move || {
            for blocks in blocks {
                let mut inflater = null_mut();
                // SAFETY: the pointer to be filled is valid.
                assert_eq!(unsafe { nghttp2_hd_inflate_new(&mut inflater) }, 0);
                for block in blocks {
                    inflate(inflater, black_box(block));
                }
                // SAFETY: made above and dropped once.
                unsafe { nghttp2_hd_inflate_del(inflater) };
            }
        })
    }

    fn inflate(inflater: *mut Inflater, mut block: &[u8]) {
        let mut nv = nghttp2_nv { name: null_mut(), value: null_mut(), namelen: 0, valuelen: 0, flags: 0 };
        loop {
            let mut flags = 0;
            // SAFETY: the block is passed with its length; the other pointers are to locals.
            let read = unsafe {
                nghttp2_hd_inflate_hd3(inflater, &mut nv, &mut flags, block.as_ptr(), block.len(), 1)
            };
            block = &block[usize::try_from(read).expect("a valid block")..];
            if flags & INFLATE_EMIT != 0 {
                black_box(&nv);
            }
            if flags & INFLATE_FINAL != 0 {
                break;
            }
        }
        // SAFETY: the inflater is valid.
        unsafe { nghttp2_hd_inflate_end_headers(inflater) };
    }
}

pub mod httlib {
    use super::*;

    pub fn decode(blocks: &Blocks) -> Run<'_> {
        let mut fields = Vec::new();
        Box::new(move || {
            for blocks in blocks {
                let mut decoder = httlib_hpack::Decoder::with_dynamic_size(4096);
                for block in blocks {
                    let mut block = black_box(block).clone();
                    fields.clear();
                    decoder.decode(&mut block, &mut fields).expect("a valid block");
                    black_box(&fields);
                }
            }
        })
    }
}

pub mod hpack_crate {
    use super::*;

    pub fn encode(corpus: &Corpus) -> Run<'_> {
        let mut out = Vec::with_capacity(64 << 10);
        Box::new(move || {
            for lists in &corpus.connections {
                let mut encoder = hpack::Encoder::new();
                for list in lists {
                    out.clear();
                    let fields = black_box(list).iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
                    encoder.encode_into(fields, &mut out).expect("room");
                    black_box(&out);
                }
            }
        })
    }
}
