//! Content passes on the pace of whoever takes it.

use adapter_tower::{Content, response_from_http, response_to_http};
use avx_http::{Body, BodyError, BodyLen, Response, Status};
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

/// Endless, and counts what it was asked for.
struct Endless(Arc<AtomicUsize>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 1000])))))
    }
}

#[test]
fn a_response_is_asked_for_as_it_is_sent() {
    let asked = Arc::new(AtomicUsize::new(0));
    let mut response = response_from_http(http::Response::new(Endless(asked.clone())));
    assert_eq!(response.body().len(), BodyLen::Streaming);
    let mut cx = Context::from_waker(Waker::noop());
    for n in 0..5 {
        assert_eq!(asked.load(Ordering::Relaxed), n);
        let Poll::Ready(Some(Ok(piece))) = response.body_mut().poll_data(&mut cx) else { panic!("nothing") };
        assert_eq!(piece.len(), 1000);
    }
}

#[test]
fn a_sender_waits_for_whoever_reads() {
    let (mut sender, body) = Body::channel();
    let mut content = Content::from(body);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(sender.poll_ready(&mut cx).is_ready());
    sender.push(vec![b'x'; avx_http::body::PIECE]);
    assert!(sender.poll_ready(&mut cx).is_pending(), "there is room for ever");
    let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut content).poll_frame(&mut cx) else { panic!("nothing") };
    assert_eq!(frame.into_data().unwrap().len(), avx_http::body::PIECE);
    assert!(sender.poll_ready(&mut cx).is_ready());
    assert!(Pin::new(&mut content).poll_frame(&mut cx).is_pending());
    drop(sender);
    let Poll::Ready(Some(Err(error))) = Pin::new(&mut content).poll_frame(&mut cx) else {
        panic!("no error")
    };
    assert_eq!(error, BodyError::Aborted);
    assert!(matches!(Pin::new(&mut content).poll_frame(&mut cx), Poll::Ready(None)));
}

#[test]
fn lengths_are_told_both_ways() {
    let exact = |body: Body| Content::from(body).size_hint().exact();
    assert_eq!(exact(Body::empty()), Some(0));
    assert_eq!(exact(Body::from("four")), Some(4));
    assert_eq!(exact(Body::channel_of(7).1), Some(7));
    assert_eq!(Content::from(Body::channel().1).size_hint().upper(), SizeHint::default().upper());

    let len = |response| response_from_http(response).body().len();
    assert_eq!(len(http::Response::new(String::new())), BodyLen::Empty);
    assert_eq!(len(http::Response::new("four".to_string())), BodyLen::Exact(4));
    let endless = || Endless(Arc::default());
    let announced = |value: &str| http::Response::builder().header("content-length", value).body(endless());
    assert_eq!(response_from_http(announced("9").unwrap()).body().len(), BodyLen::Exact(9));
    assert_eq!(response_from_http(announced("nine").unwrap()).body().len(), BodyLen::Streaming);
}

/// What goes through both types is not wrapped twice.
#[test]
fn content_of_the_engine_comes_back_as_it_is() {
    let there = response_to_http(Response::from("literal").field("X-Case", "kept"));
    assert_eq!(there.headers()["content-type"], "text/plain; charset=utf-8");
    let mut back = response_from_http(there);
    assert_eq!((back.status(), back.body().len()), (Status::OK, BodyLen::Exact(7)));
    let names: Vec<_> = back.fields().iter().map(|line| line.name.as_bytes().to_vec()).collect();
    assert_eq!(names, [b"X-Case".to_vec(), b"content-type".to_vec()]);
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Some(Ok(piece))) = back.body_mut().poll_data(&mut cx) else { panic!("nothing") };
    assert_eq!(&*piece, b"literal");
}
