//! Two requests on one connection: `cargo run -p avx-http --example client -- 127.0.0.1:8080 /`.

use avx_http::client::{Connection, Options, Request};
use runtime_avx::{Builder, Handle};
use std::error::Error;
use std::io::Write;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let authority = args.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let target = args.next().unwrap_or_else(|| "/".into());
    Builder::current_thread().build()?.block_on(fetch(&authority, &target))
}

async fn fetch(authority: &str, target: &str) -> Result<(), Box<dyn Error>> {
    let connection = Connection::connect(&Handle::current(), authority, &Options::default()).await?;
    for request in [Request::head(target), Request::get(target).field("accept", "*/*")] {
        let response = connection.send(request).await?;
        println!("{} {}", response.status(), response.reason().escape_ascii());
        for field in response.fields() {
            println!("{field:?}");
        }
        println!();
        let mut body = response.into_body();
        while let Some(chunk) = body.data().await {
            std::io::stdout().write_all(&chunk?)?;
        }
    }
    Ok(())
}
