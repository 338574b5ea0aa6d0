//! A chat with oneself: `cargo run -p avx-http --example websocket`, then from another terminal
//! `cargo run -p avx-http --example websocket -- ws://127.0.0.1:8080/echo Hello World`.

use avx_http::{Request, Response, Router, Server, ws};
use runtime_avx::{Builder, Handle, Runtime};
use std::error::Error;

/// The same over HTTP/1.1 and, by extended CONNECT, over HTTP/2.
fn echo(request: &Request<'_>) -> Response {
    ws::upgrade(request, async |mut socket| {
        while let Ok(Some(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((url, texts)) = args.split_first() else {
        let runtime = Runtime::new()?;
        let server = Server::new(Router::new().get("/echo", echo)).extended_connect(true);
        return Ok(runtime.block_on(server.bind("127.0.0.1:8080").serve(runtime.handle()))?);
    };
    Builder::current_thread().build()?.block_on(async {
        let mut socket = ws::connect(&Handle::current(), url, &ws::Options::default()).await?;
        for text in texts {
            socket.send_text(text).await?;
            let answer = socket.recv().await?;
            println!("{}", answer.as_ref().and_then(|message| message.as_text()).unwrap_or_default());
        }
        socket.close(ws::CloseCode::NORMAL, "").await?;
        while socket.recv().await?.is_some() {}
        println!("{:?}", socket.farewell());
        Ok(())
    })
}
