//! A server of hyper on this runtime: `cargo run -p runtime-avx --features hyper --example hyper-on-avx`, then
//! `curl http://127.0.0.1:8080/` or `curl --http2-prior-knowledge http://127.0.0.1:8081/`.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use runtime_avx::net::TcpListener;
use runtime_avx::{Handle, Runtime};
use std::convert::Infallible;
use std::io;

async fn hello(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = format!("Hello over {:?} from {}\n", request.version(), request.uri().path());
    Ok(Response::new(Full::new(text.into())))
}

fn main() -> io::Result<()> {
    let runtime = Runtime::new()?;
    runtime.block_on(async {
        let rt = Handle::current();
        let second = rt.clone();
        rt.spawn_detached(async move {
            if let Err(error) = serve_http2(second).await {
                eprintln!("HTTP/2: {error}");
            }
        });
        let mut listener = TcpListener::bind(([127, 0, 0, 1], 8080).into())?;
        loop {
            let (stream, _) = listener.accept().await?;
            let connection =
                http1::Builder::new().timer(rt.clone()).serve_connection(stream, service_fn(hello));
            rt.spawn_detached(async { drop(connection.await) });
        }
    })
}

async fn serve_http2(rt: Handle) -> io::Result<()> {
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 8081).into())?;
    loop {
        let (stream, _) = listener.accept().await?;
        let builder = http2::Builder::new(rt.clone());
        let connection = builder.serve_connection(stream, service_fn(hello));
        rt.spawn_detached(async { drop(connection.await) });
    }
}
