//! hyper on this runtime: its server and its client, over both protocols.
#![cfg(not(miri))]

mod common;

use common::{any_port, on_each_runtime};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::rt::Timer;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version, client, header, server};
use runtime_avx::net::{TcpListener, TcpStream, UnixStream};
use runtime_avx::{Handle, Runtime};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

/// More than any buffer on the way.
const MUCH: usize = 3 << 20;

/// Gives the content back, as it comes.
async fn echo(request: Request<Incoming>) -> Result<Response<Incoming>, Infallible> {
    Ok(Response::new(request.into_body()))
}

fn serve(runtime: &Runtime, version: Version) -> SocketAddr {
    let rt = runtime.handle().clone();
    let mut listener = runtime.block_on(async { TcpListener::bind(any_port()) }).unwrap();
    let addr = listener.local_addr().unwrap();
    rt.clone().spawn_detached(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if version == Version::HTTP_2 {
                let mut builder = server::conn::http2::Builder::new(rt.clone());
                let builder = builder.timer(rt.clone()).keep_alive_interval(Duration::from_secs(5));
                rt.spawn_detached(drain(builder.serve_connection(stream, service_fn(echo))));
            } else {
                let mut builder = server::conn::http1::Builder::new();
                let builder = builder.timer(rt.clone()).header_read_timeout(Duration::from_millis(200));
                rt.spawn_detached(drain(builder.serve_connection(stream, service_fn(echo))));
            }
        }
    });
    addr
}

/// How a connection ends is of no interest.
async fn drain<F: Future<Output = Result<(), hyper::Error>>>(connection: F) {
    drop(connection.await);
}

fn post(content: &[u8]) -> Request<Full<Bytes>> {
    let request = Request::post("http://localhost/echo").header(header::HOST, "localhost");
    request.body(Full::new(Bytes::copy_from_slice(content))).unwrap()
}

async fn content(response: Response<Incoming>) -> Bytes {
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body().collect().await.unwrap().to_bytes()
}

#[test]
fn http1_of_hyper_is_spoken() {
    on_each_runtime(|runtime| {
        let addr = serve(runtime, Version::HTTP_11);
        runtime.block_on(async {
            let stream = TcpStream::connect(addr).await.unwrap();
            let (mut sender, connection) = client::conn::http1::handshake(stream).await.unwrap();
            Handle::current().spawn_detached(drain(connection));
            for len in [0, 1, 1000, MUCH] {
                sender.ready().await.unwrap();
                let sent = vec![b'x'; len];
                assert!(
                    content(sender.send_request(post(&sent)).await.unwrap()).await == sent,
                    "{len} bytes"
                );
            }
        });
    });
}

#[test]
fn http2_of_hyper_is_spoken() {
    on_each_runtime(|runtime| {
        let addr = serve(runtime, Version::HTTP_2);
        runtime.block_on(async {
            let rt = Handle::current();
            let stream = TcpStream::connect(addr).await.unwrap();
            let (sender, connection) = client::conn::http2::handshake(rt.clone(), stream).await.unwrap();
            rt.spawn_detached(drain(connection));
            // At once, on one connection.
            let asked: Vec<_> = [0, 1, 1000, MUCH, MUCH / 3]
                .map(|len| {
                    let mut sender = sender.clone();
                    rt.spawn(async move {
                        let sent = vec![b'x'; len];
                        content(sender.send_request(post(&sent)).await.unwrap()).await == sent
                    })
                })
                .into();
            for answer in asked {
                assert!(answer.await.unwrap());
            }
        });
    });
}

/// The timer: a head that never ends is given up.
#[test]
fn time_passes_for_hyper() {
    on_each_runtime(|runtime| {
        let addr = serve(runtime, Version::HTTP_11);
        runtime.block_on(async {
            let mut stream = TcpStream::connect(addr).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
            assert_eq!(stream.read(&mut [0; 64]).await.unwrap_or(0), 0, "the connection goes on");
            let rt = Handle::current();
            let mut sleep = Timer::sleep(&rt, Duration::from_secs(3600));
            let soon = Timer::now(&rt);
            rt.reset(&mut sleep, soon);
            sleep.await;
        });
    });
}

#[test]
fn unix_sockets_carry_it_too() {
    on_each_runtime(|runtime| {
        runtime.block_on(async {
            let rt = Handle::current();
            let (ours, theirs) = UnixStream::pair().unwrap();
            let serving = server::conn::http1::Builder::new().serve_connection(theirs, service_fn(echo));
            rt.spawn_detached(drain(serving));
            let (mut sender, connection) = client::conn::http1::handshake(ours).await.unwrap();
            rt.spawn_detached(drain(connection));
            let sent = vec![b'x'; MUCH];
            assert!(content(sender.send_request(post(&sent)).await.unwrap()).await == sent);
        });
    });
}
