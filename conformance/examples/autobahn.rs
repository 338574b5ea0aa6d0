//! The client of the Autobahn test suite's server: each case of it is one WebSocket that echoes what it hears.
//!
//! `cargo run -p conformance --example autobahn -- ws://127.0.0.1:9001`, with `wstest -m fuzzingserver` there;
//! `conformance/interop/autobahn` does both and reads the verdicts.

use avx_http::ws::{self, CloseCode, Deflate, Error, Options, Socket};
use runtime_avx::{Builder, Handle};
use std::error::Error as StdError;

const AGENT: &str = "avx";

fn main() -> Result<(), Box<dyn StdError>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9001".into());
    let base = url.trim_end_matches('/').to_owned();
    Builder::current_thread().build()?.block_on(async {
        let count: u32 = ask(&base, "getCaseCount").await?.parse()?;
        for case in 1..=count {
            match open(&base, &format!("runCase?case={case}&agent={AGENT}")).await {
                // How a case ends is for the suite to judge: most of them break a rule on purpose.
                Ok(socket) => drop(echo(socket).await),
                Err(error) => eprintln!("case {case}: {error}"),
            }
        }
        println!("{count} cases were run");
        ask(&base, &format!("updateReports?agent={AGENT}")).await?;
        Ok(())
    })
}

async fn open(base: &str, target: &str) -> Result<Socket, Error> {
    let mut options = Options::default();
    options.deflate = Some(Deflate::default());
    ws::connect(&Handle::current(), &format!("{base}/{target}"), &options).await
}

async fn echo(mut socket: Socket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

/// The one message that comes, if one does.
async fn ask(base: &str, target: &str) -> Result<String, Error> {
    let mut socket = open(base, target).await?;
    let answer = socket.recv().await?;
    let _ = socket.close(CloseCode::NORMAL, "").await;
    while socket.recv().await?.is_some() {}
    Ok(answer.as_ref().and_then(|message| message.as_text()).unwrap_or_default().to_owned())
}
