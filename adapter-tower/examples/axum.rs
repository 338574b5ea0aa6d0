//! An axum application on the engine, with a WebSocket of the engine beside it, on the runtime that the argument
//! names: `cargo run -p adapter-tower --example axum-on-avx -- avx|tokio|smol`, then
//! `curl -d 'some text' http://127.0.0.1:8080/shout` and `avx ws ws://127.0.0.1:8080/ws`.

use adapter_tower::Tower;
use avx_http::rt::Runtime;
use avx_http::{Request, Router, Server, ws};
use axum::body::Body;
use axum::extract::Path;
use axum::routing::{get, post};
use futures_util::StreamExt;
use std::io::Result;

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("tokio") => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async { serve(&adapter_tokio::Tokio::current()).await })
        }
        Some("smol") => smol::block_on(serve(&adapter_smol::Smol::global())),
        _ => {
            let runtime = runtime_avx::Runtime::new()?;
            runtime.block_on(serve(runtime.handle()))
        }
    }
}

async fn serve(rt: &impl Runtime) -> Result<()> {
    let app = axum::Router::new()
        .route("/", get(async || "Hello from axum\n"))
        .route("/hello/{name}", get(async |Path(name): Path<String>| format!("Hello, {name}\n")))
        .route("/shout", post(shout));
    let router = Router::new().get("/ws", echo).fallback(Tower::new(app));
    let server = Server::new(router).bind("127.0.0.1:8080").start(rt).await?;
    println!("listening on http://{}", server.local_addrs()[0]);
    server.join().await;
    Ok(())
}

/// Streams: each piece goes back as it comes.
async fn shout(body: Body) -> Body {
    Body::from_stream(body.into_data_stream().map(|piece| piece.map(|piece| piece.to_ascii_uppercase())))
}

fn echo(request: &Request<'_>) -> avx_http::Response {
    ws::upgrade(request, async |mut socket| {
        while let Ok(Some(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}
