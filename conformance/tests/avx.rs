//! The live suite over runtime-avx.

mod service;

use service::Avx;

conformance::suite!(Avx);
conformance::suite!(Avx: ws { ws_a_stream_of_http2_carries_messages });
