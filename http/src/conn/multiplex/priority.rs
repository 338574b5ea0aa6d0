//! A server's own opinion of how urgent its responses are (RFC 9218, section 8).

use crate::Response;
use avx_core::{Http, StreamId};

/// Takes the Priority field of a response over into the order of writing: "The server might have additional
/// information that can be combined with the client's indicated priority in order to improve the prioritization
/// of the response." (section 8) What the field does not say stays as the client said it.
pub(in crate::conn) fn prioritize<M: Http>(machine: &mut M, stream: StreamId, response: &Response) {
    let Some(value) = response.get("priority") else { return };
    let Some(mut priority) = machine.priority(stream) else { return };
    if priority.read(value) {
        machine.set_priority(stream, priority);
    }
}
