//! The same server on one thread of the runtime that the first argument names: avx, tokio or smol. And the same in
//! axum: `axum` on runtime-avx, `axum-serve` on hyper and tokio.

use adapter_tower::Tower;
use avx_http::{Handler, Router, Server, rt::Runtime};
use std::io::Result;

fn main() -> Result<()> {
    let router = || Router::new().get("/plaintext", || "Hello, World!");
    let app = || axum::Router::new().route("/plaintext", axum::routing::get(async || "Hello, World!"));
    let tokio = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let avx = || runtime_avx::Builder::current_thread().build();
    match std::env::args().nth(1).as_deref() {
        Some("tokio") => tokio()?.block_on(async { serve(&adapter_tokio::Tokio::current(), router()).await }),
        Some("smol") => {
            let executor = std::sync::Arc::new(smol::Executor::new());
            smol::block_on(executor.run(serve(&adapter_smol::Smol::on(&executor, 1), router())))
        }
        Some("axum") => {
            let runtime = avx()?;
            // As `axum::serve` does: routes are made once, not for each request.
            runtime.block_on(serve(runtime.handle(), Tower::new(app().with_state(()))))
        }
        Some("axum-serve") => tokio()?.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            println!("listening on http://{}", listener.local_addr()?);
            axum::serve(listener, app()).await
        }),
        _ => {
            let runtime = avx()?;
            runtime.block_on(serve(runtime.handle(), router()))
        }
    }
}

async fn serve(rt: &impl Runtime, handler: impl Handler) -> Result<()> {
    let server = Server::new(handler).bind("127.0.0.1:0").start(rt).await?;
    println!("listening on http://{}", server.local_addrs()[0]);
    server.join().await;
    Ok(())
}
