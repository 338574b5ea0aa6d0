//! The smallest server: `cargo run -p avx-http --example hello`, then `curl http://127.0.0.1:8080/`.

use avx_http::{Router, Server};
use runtime_avx::Runtime;

fn main() -> std::io::Result<()> {
    let runtime = Runtime::new()?;
    let router = Router::new().get("/", || "Hello, World!\n");
    runtime.block_on(Server::new(router).bind("127.0.0.1:8080").serve(runtime.handle()))
}
