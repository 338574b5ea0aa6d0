//! Content in pieces, both ways, in bounded memory: `cargo run -p avx-http --example upload`.
//!
//! ```text
//! curl -T big.file http://127.0.0.1:8080/sum         reads the upload piece by piece
//! curl -T big.file http://127.0.0.1:8080/upper       answers with what arrives, changed on the way
//! ```

use avx_http::{Body, Chunk, Error, OwnedRequest, Response, Router, Server};
use runtime_avx::{Handle, Runtime};

/// Reads one piece after the other; a client that is faster than this waits.
async fn sum(request: OwnedRequest) -> Result<String, Error> {
    let mut body = request.into_body();
    let (mut bytes, mut sum) = (0u64, 0u64);
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        bytes += chunk.len() as u64;
        sum = chunk.iter().fold(sum, |sum, &b| sum.wrapping_add(b.into()));
    }
    Ok(format!("{bytes} bytes, sum {sum}\n"))
}

/// Sends from a task of its own; it waits while the client does not read.
async fn upper(request: OwnedRequest) -> Response {
    let (mut sender, body) = Body::channel();
    let mut upload = request.into_body();
    Handle::current().spawn_detached(async move {
        while let Some(Ok(chunk)) = upload.data().await {
            if sender.send(Chunk::copy(&chunk.to_ascii_uppercase())).await.is_err() {
                return;
            }
        }
        sender.finish();
    });
    Response::content("application/octet-stream", body)
}

fn main() -> std::io::Result<()> {
    let router = Router::new().put("/sum", sum).put("/upper", upper);
    let runtime = Runtime::new()?;
    println!("listening on http://127.0.0.1:8080");
    runtime.block_on(Server::new(router).bind("127.0.0.1:8080").serve(runtime.handle()))
}
