//! The same server on one thread of the runtime that the first argument names: avx, tokio or smol.

use avx_http::{Router, Server, rt::Runtime};
use std::io::Result;

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("tokio") => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async { serve(&adapter_tokio::Tokio::current()).await })
        }
        Some("smol") => {
            let executor = std::sync::Arc::new(smol::Executor::new());
            smol::block_on(executor.run(serve(&adapter_smol::Smol::on(executor.clone(), 1))))
        }
        _ => {
            let runtime = runtime_avx::Builder::current_thread().build()?;
            runtime.block_on(serve(runtime.handle()))
        }
    }
}

async fn serve(rt: &impl Runtime) -> Result<()> {
    let router = Router::new().get("/plaintext", || "Hello, World!");
    let server = Server::new(router).bind("127.0.0.1:0").start(rt).await?;
    println!("listening on http://{}", server.local_addrs()[0]);
    server.join().await;
    Ok(())
}
