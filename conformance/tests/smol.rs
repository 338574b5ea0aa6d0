//! The live suite over smol.

mod service;

use service::OnSmol;

conformance::suite!(OnSmol);
conformance::suite!(OnSmol: ws { ws_a_stream_of_http2_carries_messages });
