//! `avx decode --as hpack`: lines of hexadecimal in, fields out.

mod common;

use common::run;

fn decode(more: &[&str], input: &str) -> common::Ran {
    run(&[&["decode", "--json", "--as", "hpack"], more].concat(), input.as_bytes())
}

#[test]
fn rfc7541_c_3_requests_share_one_dynamic_table() {
    let input = "\
        # RFC 7541, appendix C.3\n\
        828684410f7777772e6578616d706c652e636f6d\n\
        \n\
        8286 84be 5808 6e6f 2d63 6163 6865\n\
        828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565  # the last one\n";
    let ran = decode(&[], input);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(
        lines[0],
        r#"{"event":"block","line":2,"fields":[{"name":":method","value":"GET","never_indexed":false},{"name":":scheme","value":"http","never_indexed":false},{"name":":path","value":"/","never_indexed":false},{"name":":authority","value":"www.example.com","never_indexed":false}],"list_size":180,"table_size":57}"#
    );
    assert!(
        lines[1].starts_with(r#"{"event":"block","line":4,"#) && lines[1].ends_with(r#""table_size":110}"#)
    );
    assert!(lines[2].contains(r#"{"name":"custom-key","value":"custom-value","never_indexed":false}"#));
    assert!(lines[2].ends_with(r#""table_size":164}"#), "{}", lines[2]);
    assert_eq!(lines.len(), 3);
    assert_eq!(decode(&["--split", "1"], input).stdout, ran.stdout);
}

#[test]
fn rfc7541_c_2_3_a_field_that_is_never_indexed_says_so() {
    let ran = decode(&[], "100870617373776f726406736563726574");
    assert_eq!(
        ran.stdout,
        "{\"event\":\"block\",\"line\":1,\"fields\":[{\"name\":\"password\",\"value\":\"secret\",\
         \"never_indexed\":true}],\"list_size\":46,\"table_size\":0}\n"
    );
}

#[test]
fn a_block_that_is_wrong_ends_the_input_with_1() {
    let ran = decode(&[], "82\n80\n82\n");
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        lines[1],
        r#"{"event":"error","line":2,"error":"IndexZero","rfc":"RFC 7541, section 6.1","code":"COMPRESSION_ERROR"}"#
    );
    let ran = run(&["decode", "--as", "hpack"], b"80");
    assert!(ran.stdout.contains("IndexZero: peer: index is zero"), "{}", ran.stdout);
}

#[test]
fn a_table_is_as_large_as_its_setting_allows() {
    // A size update to 4097.
    let update = "3fe21f";
    let ran = decode(&[], update);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("SizeUpdateTooLarge"), "{}", ran.stdout);
    assert_eq!(decode(&["--table-size", "4097"], update).code, 0);
}

#[test]
fn a_list_that_is_too_large_is_cut_and_says_so() {
    // An entry of some 3000 bytes, referred to again and again.
    let entry = format!("40017a7fa116{}", "61".repeat(127 + 0x21 + 22 * 128));
    let ran = decode(&[], &format!("{entry}\n{}\n", "be".repeat(20)));
    assert_eq!(ran.code, 0, "{} {}", ran.stdout, ran.stderr);
    let last = ran.stdout.lines().last().unwrap();
    assert!(last.ends_with(r#","too_large":true}"#), "{last}");
}

#[test]
fn what_is_not_hexadecimal_is_no_fault_of_a_peer() {
    for (input, text) in [("82\n8x", "line 2: expected hexadecimal digits, found `x`"), ("828", "line 1: ")] {
        let ran = decode(&[], input);
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains(text), "{}", ran.stderr);
    }
}
