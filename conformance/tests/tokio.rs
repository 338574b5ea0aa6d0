//! The live suite over tokio.

mod service;

use service::OnTokio;

conformance::suite!(OnTokio);
conformance::suite!(OnTokio: ws { ws_a_stream_of_http2_carries_messages });
