//! What a client machine sends is what a server machine reads, and the other way round: methods, targets,
//! fields, content, trailers, statuses, reasons, interim responses. And what somebody tries to slip in is
//! refused, or arrives as what it was given as: no caller can make a machine write anything else.

mod generate;

use avx_core::h1::{Client, Server};
use avx_core::{
    BodyLen, Config, Field, Http, Instant, Machine, Method, Preset, Request, Response, Status, StreamId,
    UsageError, Version,
};
use conformance::drive::{Driver, Lines, Seen};
use core::time::Duration;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::sync::Arc;

const NOW: Instant = Instant::from_millis(1);

/// Content as its sender cuts it: `true` for pieces that are framed and written apart.
#[derive(Clone, Debug)]
enum Body {
    Empty,
    Exact(Vec<(Vec<u8>, bool)>),
    Streaming(Vec<(Vec<u8>, bool)>, Lines),
}

#[derive(Clone, Debug)]
struct Exchange {
    method: Vec<u8>,
    target: Vec<u8>,
    authority: Vec<u8>,
    fields: Lines,
    body: Body,
    interim: Vec<(u16, Lines)>,
    status: u16,
    reason: Option<Vec<u8>>,
    /// Lines of every response, unless its own or later ones take their place.
    presets: Vec<Lines>,
    response_fields: Lines,
    response_body: Body,
}

impl Body {
    fn len(&self) -> BodyLen {
        match self {
            Body::Empty => BodyLen::Empty,
            Body::Exact(pieces) => BodyLen::Exact(pieces.iter().map(|(p, _)| p.len() as u64).sum()),
            Body::Streaming(..) => BodyLen::Streaming,
        }
    }

    fn content(&self) -> Vec<u8> {
        match self {
            Body::Empty => Vec::new(),
            Body::Exact(pieces) | Body::Streaming(pieces, _) => {
                pieces.iter().flat_map(|(p, _)| p.clone()).collect()
            }
        }
    }

    /// Sends everything behind the head.
    fn send<M: Http>(&self, driver: &mut Driver<M>, stream: StreamId) -> Result<(), UsageError> {
        let none = Lines::new();
        let (pieces, trailers) = match self {
            Body::Empty => return Ok(()),
            Body::Exact(pieces) => (pieces, &none),
            Body::Streaming(pieces, trailers) => (pieces, trailers),
        };
        driver.call(|m, now, out| {
            for (piece, apart) in pieces {
                if *apart {
                    assert_eq!(m.frame_data(now, stream, piece.len(), out), Ok(piece.len()));
                    out.extend_from_slice(piece);
                } else {
                    assert_eq!(m.send_data(now, stream, piece, out), Ok(piece.len()));
                }
            }
            match m.send_end(now, stream, &borrowed(trailers), out) {
                Ok(()) => Ok(()),
                // Refused trailers leave the message open.
                Err(error) => m.send_end(now, stream, &[], out).and(Err(error)),
            }
        })
    }
}

fn borrowed(lines: &Lines) -> Vec<Field<'_>> {
    lines.iter().map(|(name, value)| Field::new(name, value)).collect()
}

impl Exchange {
    /// Lines of presets that can be sent at all, and give way neither to the response nor to each other.
    fn lasting_presets(&self) -> Lines {
        let valid: Vec<&Lines> = self.presets.iter().filter(|p| Preset::new(&borrowed(p)).is_ok()).collect();
        let mut lasting = Lines::new();
        for (i, preset) in valid.iter().enumerate() {
            let stronger = || self.response_fields.iter().chain(valid[i + 1..].iter().copied().flatten());
            let lasts = |name: &[u8]| !stronger().any(|(n, _)| n.eq_ignore_ascii_case(name));
            lasting.extend(preset.iter().filter(|(name, _)| lasts(name)).cloned());
        }
        lasting
    }
}

/// Lines of one name keep their order, others need not.
fn by_name(mut lines: Lines) -> Lines {
    lines.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    lines
}

/// Bytes go over, cut somewhere.
fn carry<M: Http>(wire: Vec<u8>, to: &mut Driver<M>, cuts: &[Index]) {
    let mut at = 0;
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
    cuts.sort_unstable();
    for cut in cuts.into_iter().chain([wire.len()]) {
        to.feed(&wire[at..cut]);
        at = cut;
    }
}

/// Lines the machine adds itself.
fn without_added(lines: &[(Vec<u8>, Vec<u8>)]) -> Lines {
    let added = ["connection", "content-length", "transfer-encoding"];
    let is_added = |name: &[u8]| added.iter().any(|n| name.eq_ignore_ascii_case(n.as_bytes()));
    lines.iter().filter(|(name, _)| !is_added(name)).cloned().collect()
}

fn body(trailers: BoxedStrategy<Lines>) -> impl Strategy<Value = Body> {
    let pieces = || vec((vec(any::<u8>(), 1..30), any::<bool>()), 1..4);
    prop_oneof![
        2 => Just(Body::Empty),
        2 => pieces().prop_map(Body::Exact),
        2 => (pieces(), trailers).prop_map(|(pieces, trailers)| Body::Streaming(pieces, trailers)),
        1 => Just(Body::Streaming(Vec::new(), Vec::new())),
    ]
}

/// `slips` out of twenty strings are not what they should be.
fn exchange(slips: u32) -> impl Strategy<Value = Exchange> {
    let or = move |good: BoxedStrategy<Vec<u8>>| {
        prop_oneof![20 - slips => good, slips => generate::hostile()].boxed()
    };
    let lines = move || {
        let (name, value) = (or(generate::field_name().boxed()), or(generate::field_value().boxed()));
        vec((name, value), 0..4).boxed()
    };
    let trailers = move || {
        let name = generate::token().prop_map(|t| [b"x-".as_slice(), &t].concat());
        vec((or(name.boxed()), or(generate::field_value().boxed())), 0..3).boxed()
    };
    let methods = select(&["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"][..]);
    let method = prop_oneof![3 => methods.prop_map(|m| m.as_bytes().to_vec()), 1 => generate::token()];
    let authority =
        select(&["a", "www.example.org:8080", "[::1]", "[::1]:80"][..]).prop_map(|a| a.as_bytes().to_vec());
    let interim = vec((select(&[100u16, 102, 103, 199][..]), lines()), 0..3);
    let status = select(&[200u16, 200, 200, 201, 204, 206, 301, 304, 404, 500, 599, 999][..]);
    let request = (
        or(method.boxed()),
        or(generate::target().boxed()),
        or(authority.boxed()),
        lines(),
        body(trailers()),
    );
    let reason = prop::option::of(or(generate::field_value().boxed()));
    let response = (interim, status, reason, vec(lines(), 0..3), lines(), body(trailers()));
    (request, response).prop_map(|((method, target, authority, fields, body), response)| {
        let (interim, status, reason, presets, response_fields, response_body) = response;
        Exchange {
            method,
            target,
            authority,
            fields,
            body,
            interim,
            status,
            reason,
            presets,
            response_fields,
            response_body,
        }
    })
}

struct Pair {
    client: Driver<Client>,
    server: Driver<Server>,
    cuts: Vec<Index>,
}

impl Pair {
    fn new(cuts: Vec<Index>) -> Self {
        let config = Arc::new(Config::default());
        Pair {
            client: Driver::new(Client::new(config.clone(), NOW), NOW),
            server: Driver::new(Server::new(config, NOW), NOW),
            cuts,
        }
    }

    /// One exchange, of which whatever is refused is left out. Returns whether the connection lasts.
    fn exchange(&mut self, e: &Exchange) -> Result<bool, TestCaseError> {
        let Some((stream, trailers)) = self.request(e)? else { return Ok(true) };
        let seen = self.server.seen.split_off(0);
        let Some(Seen::Request(head)) = seen.first() else {
            return Err(TestCaseError::fail(format!("{seen:?}, {:?}", self.server.error)));
        };
        prop_assert_eq!(&head.method, &e.method);
        prop_assert_eq!(&head.target, &e.target);
        prop_assert_eq!(&head.authority, &e.authority);
        prop_assert_eq!(head.version, Version::Http11);
        let mut lines: Lines = vec![(b"Host".to_vec(), e.authority.clone())];
        lines.extend(e.fields.iter().cloned());
        prop_assert_eq!(without_added(&head.fields), without_added(&lines));
        let length = head.body;
        prop_assert!(length == e.body.len() || e.body.len() == BodyLen::Exact(0), "{length:?}");
        content(&seen[1..], &e.body, &trailers)?;
        prop_assert!(seen.iter().all(|s| s.stream() == stream.0));

        let (interim, refused, answered, trailers) = self.respond(e, stream)?;
        let seen = self.client.seen.split_off(0);
        prop_assert_eq!(self.client.error, None);
        let mut seen = seen.into_iter().peekable();
        for (status, fields) in &interim {
            let Some(Seen::Informational(s, head)) = seen.next() else {
                return Err(TestCaseError::fail("no interim"));
            };
            prop_assert_eq!((s, head.status.code(), &head.fields), (stream.0, *status, fields));
        }
        let Some(Seen::Response(s, head, length)) = seen.next() else {
            return Err(TestCaseError::fail("no response"));
        };
        prop_assert_eq!((s, head.status.code()), (stream.0, answered));
        let registered = Status::new(answered).unwrap().reason().as_bytes();
        let reason = if refused { registered } else { e.reason.as_deref().unwrap_or(registered) };
        // A reason is not trimmed: what stands behind the first space is all of it.
        prop_assert_eq!(&head.reason[..], reason);
        let mut lines = if refused { Lines::new() } else { e.response_fields.clone() };
        if !refused {
            lines.extend(e.lasting_presets());
        }
        prop_assert_eq!(by_name(without_added(&head.fields)), by_name(without_added(&lines)));
        let bodiless = refused || e.method == b"HEAD" || matches!(answered, 204 | 304);
        let body = if bodiless { Body::Empty } else { e.response_body.clone() };
        prop_assert!(length == body.len(), "{length:?} {:?}", body.len());
        let rest: Vec<Seen> = seen.collect();
        content(&rest, &body, &trailers)?;
        let lasts = self.client.machine.is_reusable();
        prop_assert!(lasts || self.server.machine.is_send_closed(), "the ends disagree");
        prop_assert!(!lasts || self.server.machine.is_idle(), "the ends disagree");
        Ok(lasts)
    }

    /// Sends the request over; the trailers that were sent. `None` when the head was refused.
    fn request(&mut self, e: &Exchange) -> Result<Option<(StreamId, Lines)>, TestCaseError> {
        let fields = borrowed(&e.fields);
        let request = Request {
            method: Method::from_token(&e.method),
            target: &e.target,
            authority: &e.authority,
            fields: &fields,
        };
        let sent = self.client.call(|m, now, out| m.send_request(now, &request, e.body.len(), out));
        let Ok(stream) = sent else {
            prop_assert!(self.client.out.is_empty());
            return Ok(None);
        };
        let trailers = match (&e.body, e.body.send(&mut self.client, stream)) {
            (Body::Streaming(_, trailers), Ok(())) => trailers.clone(),
            _ => Lines::new(),
        };
        let wire = std::mem::take(&mut self.client.out);
        carry(wire, &mut self.server, &self.cuts);
        Ok(Some((stream, trailers)))
    }

    /// Sends the response over: the interim responses that were sent, whether the final one was refused
    /// and replaced, its status, and the trailers that were sent.
    #[allow(clippy::type_complexity)]
    fn respond(
        &mut self,
        e: &Exchange,
        stream: StreamId,
    ) -> Result<(Vec<(u16, Lines)>, bool, u16, Lines), TestCaseError> {
        let mut interim = Vec::new();
        for (status, fields) in &e.interim {
            let lines = borrowed(fields);
            let response = Response::new(Status::new(*status).unwrap(), &lines);
            if self.server.call(|m, now, out| m.send_informational(now, stream, &response, out)).is_ok() {
                interim.push((*status, fields.clone()));
            }
        }
        let lines = borrowed(&e.response_fields);
        let presets: Vec<Preset> = e.presets.iter().filter_map(|p| Preset::new(&borrowed(p)).ok()).collect();
        let presets: Vec<&Preset> = presets.iter().collect();
        let plain = Response::new(Status::new(e.status).unwrap(), &lines);
        let response = Response { reason: e.reason.as_deref(), presets: &presets, ..plain };
        let before = self.server.out.len();
        let at_once = matches!(&e.response_body, Body::Exact(pieces) if pieces[0].1);
        let begun = self.server.call(|m, now, out| {
            if at_once {
                let content = e.response_body.content();
                return m.send_full(now, stream, &response, &content, out).map(|()| BodyLen::Empty);
            }
            m.send_response(now, stream, &response, e.response_body.len(), out)
        });
        let mut trailers = Lines::new();
        let answered = match begun {
            Ok(BodyLen::Empty) => e.status,
            Ok(_) => {
                if let (Body::Streaming(_, lines), Ok(())) =
                    (&e.response_body, e.response_body.send(&mut self.server, stream))
                {
                    trailers = lines.clone();
                }
                e.status
            }
            Err(_) => {
                prop_assert_eq!(self.server.out.len(), before);
                let plain = Response::new(Status::OK, &[]);
                self.server.call(|m, now, out| m.send_full(now, stream, &plain, b"", out)).unwrap();
                200
            }
        };
        let wire = std::mem::take(&mut self.server.out);
        carry(wire, &mut self.client, &self.cuts);
        self.server.feed(&[]);
        Ok((interim, begun.is_err(), answered, trailers))
    }
}

/// Whether these events are this content and its end.
fn content(seen: &[Seen], body: &Body, trailers: &Lines) -> Result<(), TestCaseError> {
    let (data, end) = match seen {
        [Seen::Data(_, data), end] => (&data[..], end),
        [end] => (&[][..], end),
        other => return Err(TestCaseError::fail(format!("{other:?}"))),
    };
    prop_assert_eq!(data, &body.content()[..]);
    let Seen::End(_, got, dropped) = end else { return Err(TestCaseError::fail(format!("{end:?}"))) };
    prop_assert_eq!((got, *dropped), (trailers, 0));
    Ok(())
}

fn cases(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let rng_seed = match default.rng_seed {
        proptest::test_runner::RngSeed::Random => proptest::test_runner::RngSeed::Fixed(9112),
        given => given,
    };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..default }
}

fn run(exchanges: &[Exchange], cuts: Vec<Index>) -> Result<usize, TestCaseError> {
    let mut pair = Pair::new(cuts);
    let mut done = 0;
    for exchange in exchanges {
        let lasts = pair.exchange(exchange)?;
        for driver_faults in [&pair.client.faults, &pair.server.faults] {
            prop_assert_eq!(driver_faults, &Vec::<String>::new());
        }
        done += 1;
        if !lasts {
            break;
        }
        pair.client.pass(Duration::from_millis(10));
        pair.server.pass(Duration::from_millis(10));
    }
    Ok(done)
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn what_one_machine_sends_the_other_reads(
        exchanges in vec(exchange(0), 1..4),
        cuts in vec(any::<Index>(), 0..6),
    ) {
        prop_assert_eq!(run(&exchanges, cuts)?, exchanges.len(), "the connection ended early");
    }

    #[test]
    fn what_somebody_slips_in_is_refused_or_arrives_as_what_it_was_given_as(
        exchanges in vec(exchange(5), 1..4),
        cuts in vec(any::<Index>(), 0..6),
    ) {
        run(&exchanges, cuts)?;
    }
}
