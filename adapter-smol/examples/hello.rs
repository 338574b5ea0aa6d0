//! The smallest server on smol: `cargo run -p adapter-smol --example hello-smol`, then
//! `curl http://127.0.0.1:8080/plaintext`. `-- ADDRESS` for another address, `SMOL_THREADS=2` for more threads.

use adapter_smol::Smol;
use avx_http::{Router, Server};

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    smol::block_on(async {
        let router = Router::new().get("/plaintext", || "Hello, World!");
        let server = Server::new(router).bind(address).start(&Smol::global()).await?;
        println!("listening on http://{}", server.local_addrs()[0]);
        server.join().await;
        Ok(())
    })
}
