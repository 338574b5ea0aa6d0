//! Every transcript, in every manner. One test a file, found by its name.

use conformance::transcript;
use std::path::Path;

macro_rules! transcripts {
    ($dir:literal, $every:ident: $( $name:ident: $file:literal; )*) => {
        $( #[test] fn $name() { check($dir, $file); } )*

        /// A transcript nobody runs would be worse than none.
        #[test]
        fn $every() {
            let played = [$( $file ),*];
            for entry in std::fs::read_dir(dir($dir)).unwrap() {
                let file = entry.unwrap().file_name().into_string().unwrap();
                assert!(played.contains(&file.as_str()), "{file} is missing in tests/transcripts.rs");
            }
        }
    };
}

transcripts! { "h1", every_file_is_played:
    rfc9112_2_2_message_parsing: "2.2-message-parsing.md";
    rfc9112_2_3_http_version: "2.3-http-version.md";
    rfc9112_3_request_line: "3-request-line.md";
    rfc9112_3_2_request_target: "3.2-request-target.md";
    rfc9112_4_status_line: "4-status-line.md";
    rfc9112_5_field_syntax: "5-field-syntax.md";
    rfc9112_5_2_obsolete_line_folding: "5.2-obsolete-line-folding.md";
    rfc9112_6_1_transfer_encoding: "6.1-transfer-encoding.md";
    rfc9112_6_2_content_length: "6.2-content-length.md";
    rfc9112_6_3_message_body_length: "6.3-message-body-length.md";
    rfc9112_7_1_chunked: "7.1-chunked.md";
    rfc9112_7_1_1_chunk_extensions: "7.1.1-chunk-extensions.md";
    rfc9112_7_1_2_trailer_section: "7.1.2-trailer-section.md";
    rfc9112_8_incomplete_messages: "8-incomplete-messages.md";
    rfc9112_9_2_associating_responses: "9.2-associating-responses.md";
    rfc9112_9_3_persistence: "9.3-persistence.md";
    rfc9112_9_3_2_pipelining: "9.3.2-pipelining.md";
    rfc9112_9_6_tear_down: "9.6-tear-down.md";
    rfc9112_11_1_sending: "sending.md";
    attacks: "attacks.md";
    rfc9110_7_8_upgrade: "rfc9110-7.8-upgrade.md";
    rfc9110_10_1_1_expect: "rfc9110-10.1.1-expect.md";
}

transcripts! { "h2", every_file_of_http_2_is_played:
    rfc9113_3_4_connection_preface: "3.4-connection-preface.md";
    rfc9113_4_frames: "4-frames.md";
    rfc9113_4_3_field_section_compression: "4.3-field-section-compression.md";
    rfc9113_5_1_stream_states: "5.1-stream-states.md";
    rfc9113_5_1_1_stream_identifiers: "5.1.1-stream-identifiers.md";
    rfc9113_6_1_data: "6.1-data.md";
    rfc9113_6_10_continuation: "6.10-continuation.md";
    rfc9113_6_5_settings: "6.5-settings.md";
    rfc9113_6_7_ping: "6.7-ping.md";
    rfc9113_6_9_flow_control: "6.9-flow-control.md";
    rfc9113_8_1_message_framing: "8.1-message-framing.md";
    rfc9113_8_2_http_fields: "8.2-http-fields.md";
    rfc9113_8_3_control_data: "8.3-control-data.md";
    rfc9113_8_4_server_push: "8.4-server-push.md";
    h2_attacks: "attacks.md";
    rfc9218_priority: "rfc9218-priority.md";
}

transcripts! { "ws", every_file_of_websocket_is_played:
    rfc6455_5_1_masking: "5.1-masking.md";
    rfc6455_5_2_framing: "5.2-framing.md";
    rfc6455_5_4_fragmentation: "5.4-fragmentation.md";
    rfc6455_5_5_1_close: "5.5.1-close.md";
    rfc6455_5_5_2_ping_and_pong: "5.5.2-ping-pong.md";
    rfc6455_6_sending: "6-sending.md";
    rfc6455_7_4_status_codes: "7.4-status-codes.md";
    rfc6455_8_1_utf_8: "8.1-utf-8.md";
    rfc6455_10_4_limits: "10.4-limits.md";
    rfc7692_7_2_permessage_deflate: "rfc7692-7.2-permessage-deflate.md";
}

fn dir(of: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts").join(of)
}

#[track_caller]
fn check(of: &str, file: &str) {
    match transcript::check(&dir(of).join(file)) {
        Ok(cases) => assert!(cases > 0, "{file} holds no case"),
        Err(report) => panic!("\n{report}"),
    }
}
