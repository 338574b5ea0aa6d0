//! Routes, parameters, shared state and errors: `cargo run -p avx-http --example router`.
//!
//! ```text
//! curl http://127.0.0.1:8080/user/7                  a plain function with a parameter
//! curl -X POST http://127.0.0.1:8080/visits          a closure with shared state
//! curl http://127.0.0.1:8080/files/a/b/c             the rest of the path
//! curl -i -X DELETE http://127.0.0.1:8080/visits     405, with the methods that are allowed
//! ```

use avx_http::{Request, Response, Router, Server, Status};
use runtime_avx::Runtime;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn user(request: &Request<'_>) -> Result<String, Status> {
    let id: u32 = request.parse_param("id").map_err(|_| Status::NOT_FOUND)?;
    Ok(format!("user {id}\n"))
}

fn files(request: &Request<'_>) -> Response {
    let rest = request.rest().unwrap_or_default();
    Response::content("text/plain; charset=utf-8", format!("{}\n", rest.escape_ascii()))
}

fn main() -> std::io::Result<()> {
    let visits = Arc::new(AtomicU64::new(0));
    let count = visits.clone();
    let router = Router::new()
        .get("/user/:id", user)
        .get("/files/**", files)
        .get("/visits", move || format!("{} visits\n", visits.load(Ordering::Relaxed)))
        .post("/visits", move || format!("visit {}\n", count.fetch_add(1, Ordering::Relaxed) + 1));
    let runtime = Runtime::new()?;
    println!("listening on http://127.0.0.1:8080");
    runtime.block_on(Server::new(router).bind("127.0.0.1:8080").serve(runtime.handle()))
}
