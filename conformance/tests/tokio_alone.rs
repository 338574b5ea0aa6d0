//! The live suite over tokio on one thread.

mod service;

use service::OnTokioAlone;

conformance::suite!(OnTokioAlone);
conformance::suite!(OnTokioAlone: ws { ws_a_stream_of_http2_carries_messages });
