use super::*;

fn with(change: impl FnOnce(&mut Deflate)) -> Deflate {
    let mut deflate = Deflate { window_bits: 15, peer_window_bits: 15, ..Deflate::default() };
    change(&mut deflate);
    deflate
}

/// What a server that wants `deflate` answers to `value`.
fn answer(value: &str, deflate: &Deflate) -> Option<alloc::string::String> {
    let agreed = agree([value.as_bytes()], deflate)?;
    Some(alloc::string::String::from_utf8(agreed.text().as_bytes().to_vec()).unwrap())
}

fn plain(value: &str) -> Option<alloc::string::String> {
    answer(value, &with(|_| {}))
}

#[test]
fn rfc7692_7_1_offers_are_accepted_as_they_ask() {
    assert_eq!(plain("permessage-deflate").unwrap(), "permessage-deflate");
    assert_eq!(plain("Permessage-Deflate; Client_Max_Window_Bits").unwrap(), "permessage-deflate");
    assert_eq!(
        plain("permessage-deflate; server_no_context_takeover; client_no_context_takeover").unwrap(),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    );
    assert_eq!(
        plain("permessage-deflate; server_max_window_bits=\"10\"; client_max_window_bits=9").unwrap(),
        "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9"
    );
    // Said again even where it asks for nothing.
    assert_eq!(
        plain("permessage-deflate; server_max_window_bits=15").unwrap(),
        "permessage-deflate; server_max_window_bits=15"
    );
}

#[test]
fn rfc7692_7_1_a_server_asks_for_what_it_wants() {
    let wants = Deflate { take_over: false, peer_take_over: false, ..Deflate::default() };
    assert_eq!(
        answer("permessage-deflate; client_max_window_bits", &wants).unwrap(),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
         server_max_window_bits=12; client_max_window_bits=12"
    );
    // "client_max_window_bits" was not offered, and so it must not be answered.
    assert_eq!(
        answer("permessage-deflate", &Deflate::default()).unwrap(),
        "permessage-deflate; server_max_window_bits=12"
    );
    assert_eq!(
        answer("permessage-deflate; client_max_window_bits=8; server_max_window_bits=9", &Deflate::default())
            .unwrap(),
        "permessage-deflate; server_max_window_bits=9; client_max_window_bits=8"
    );
}

#[test]
fn ws_08_rfc7692_7_1_offers_with_parameters_that_are_wrong_are_declined() {
    for params in [
        "server_max_window_bits=99",
        "server_max_window_bits=16",
        "server_max_window_bits=7",
        "server_max_window_bits=0",
        "server_max_window_bits=08",
        "server_max_window_bits=1e1",
        "server_max_window_bits",
        "client_max_window_bits=16",
        "client_max_window_bits=007",
        "client_max_window_bits=300",
        "server_no_context_takeover=1",
        "client_no_context_takeover=\"true\"",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits; client_max_window_bits=10",
        "unknown",
        "unknown=1",
    ] {
        assert_eq!(plain(&alloc::format!("permessage-deflate; {params}")), None, "{params}");
    }
}

#[test]
fn rfc7692_5_the_first_offer_that_can_be_accepted_is() {
    assert_eq!(
        plain("x-webkit-deflate-frame, permessage-deflate; unknown, permessage-deflate; server_max_window_bits=11, permessage-deflate")
            .unwrap(),
        "permessage-deflate; server_max_window_bits=11"
    );
    let lines = [&b"permessage-deflate; a"[..], b"other", b"permessage-deflate; server_no_context_takeover"];
    let agreed = agree(lines, &with(|_| {})).unwrap();
    assert!(agreed.server.no_context_takeover);
    assert_eq!(plain("other"), None);
    // A window of 8 bits can be received, but not made.
    assert_eq!(
        plain("permessage-deflate; server_max_window_bits=8, permessage-deflate").unwrap(),
        "permessage-deflate"
    );
    assert_eq!(
        plain("permessage-deflate; client_max_window_bits=8").unwrap(),
        "permessage-deflate; client_max_window_bits=8"
    );
}

#[test]
fn rfc7692_7_1_a_client_offers_what_it_wants_and_then_less() {
    let text = |deflate: &Deflate| Offer::text(&Offer::of(deflate));
    assert_eq!(
        text(&Deflate::default()).as_bytes(),
        b"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12, \
          permessage-deflate; client_max_window_bits=12"
    );
    assert_eq!(text(&with(|_| {})).as_bytes(), b"permessage-deflate; client_max_window_bits");
    let all =
        with(|d| (d.take_over, d.peer_take_over, d.peer_window_bits, d.window_bits) = (false, false, 8, 10));
    assert_eq!(
        text(&all).as_bytes(),
        &b"permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; \
           client_max_window_bits=10, permessage-deflate; client_no_context_takeover; client_max_window_bits=10"[..]
    );
}

/// What a client with this offer makes of an answer: windows and take-overs of server and client.
fn checked(offer: Offer, response: &str) -> Result<Option<[(bool, u8); 2]>, BadResponse> {
    let half = |half: Half| (half.no_context_takeover, half.max_window_bits);
    check([response.as_bytes()], &[offer])
        .map(|agreed| agreed.map(|agreed| [half(agreed.server), half(agreed.client)]))
}

#[test]
fn ws_08_rfc7692_7_1_a_client_takes_only_what_it_has_offered() {
    let none = Offer::default();
    assert_eq!(checked(none, ""), Ok(None));
    assert_eq!(checked(none, "permessage-deflate"), Ok(Some([(false, 15), (false, 15)])));
    assert_eq!(
        checked(
            none,
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=8; client_no_context_takeover"
        ),
        Ok(Some([(true, 8), (true, 15)]))
    );
    for bad in [
        "other",
        "permessage-deflate, permessage-deflate",
        "permessage-deflate; client_max_window_bits=10",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=99",
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; unknown",
        "permessage-deflate;",
    ] {
        assert_eq!(checked(none, bad), Err(BadResponse), "{bad}");
    }
    let limits = Offer {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: Some(12),
        client_max_window_bits: ClientBits::AtMost(12),
    };
    let good = "permessage-deflate; server_no_context_takeover; server_max_window_bits=11";
    assert_eq!(checked(limits, good), Ok(Some([(true, 11), (true, 12)])));
    assert_eq!(
        checked(limits, &alloc::format!("{good}; client_max_window_bits=8")),
        Ok(Some([(true, 11), (true, 8)]))
    );
    // What the client said about its own window was a hint: it stays within that, whatever is allowed.
    assert_eq!(
        checked(limits, &alloc::format!("{good}; client_max_window_bits=15")),
        Ok(Some([(true, 11), (true, 12)]))
    );
    for bad in [
        "permessage-deflate",
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=11",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=13",
    ] {
        assert_eq!(checked(limits, bad), Err(BadResponse), "{bad}");
    }
    let limitable = Offer { client_max_window_bits: ClientBits::Limitable, ..none };
    let answered = checked(limitable, "permessage-deflate; client_max_window_bits=10");
    assert_eq!(answered, Ok(Some([(false, 15), (false, 10)])));
}

#[test]
fn what_a_server_answers_to_a_client_is_what_the_client_understands() {
    let choices = [true, false];
    for bits in 0..(1 << 12) {
        let bit = |i: u32| choices[(bits >> i & 1) as usize];
        let end = |i: u32| Deflate {
            window_bits: [9, 12, 15, 8][(bits >> i & 3) as usize],
            peer_window_bits: [8, 12, 15, 9][(bits >> (i + 2) & 3) as usize],
            take_over: bit(i + 4),
            peer_take_over: bit(i + 5),
            ..Deflate::default()
        };
        let (client, server) = (end(0), end(6));
        let offers = Offer::of(&client);
        let Some(agreed) = agree([Offer::text(&offers).as_bytes()], &server) else {
            panic!("{client:?} {server:?}");
        };
        let text = agreed.text();
        let understood = check([text.as_bytes()], &offers).unwrap().unwrap();
        assert_eq!(understood.server, agreed.server);
        assert_eq!(understood.client.no_context_takeover, agreed.client.no_context_takeover);
        assert!(understood.client.max_window_bits <= agreed.client.max_window_bits);
        assert!(agreed.server.max_window_bits <= server.window_bits.max(9));
        assert!(understood.client.max_window_bits <= client.window_bits.max(9));
    }
}
