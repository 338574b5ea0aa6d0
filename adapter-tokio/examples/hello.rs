//! The smallest server on tokio: `cargo run -p adapter-tokio --example hello-tokio`, then
//! `curl http://127.0.0.1:8080/plaintext`. `-- ADDRESS THREADS` for another address and number of threads.

use adapter_tokio::Tokio;
use avx_http::{Router, Server};
use tokio::runtime::Builder;

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let threads = args.next().and_then(|n| n.parse().ok());
    let mut builder = match threads {
        Some(1) => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    builder.enable_all().build()?.block_on(async {
        let router = Router::new().get("/plaintext", || "Hello, World!");
        let server = Server::new(router).bind(address).start(&Tokio::current()).await?;
        println!("listening on http://{}", server.local_addrs()[0]);
        server.join().await;
        Ok(())
    })
}
