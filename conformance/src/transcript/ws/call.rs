//! What the user of a WebSocket machine does.

use crate::transcript::text;
use avx_core::ws::role::Role;
use avx_core::ws::{CloseCode, Connection, Kind};
use avx_core::{Instant, Machine, Output, UsageError};

/// One call.
#[derive(Clone, Debug)]
pub(in crate::transcript) enum Verb {
    Send {
        kind: Kind,
        #[cfg_attr(not(feature = "deflate"), allow(dead_code, reason = "nothing is compressed"))]
        compressed: bool,
        data: Vec<u8>,
        last: bool,
    },
    Ping(Vec<u8>),
    Close(u16, String),
    Shutdown,
    Hold,
    /// Nothing of its own: time passes, or bytes are written behind a header.
    Write(Vec<u8>),
}

impl Verb {
    /// Reads a call: `text: BYTES`, `text part: BYTES`, `compressed text: BYTES`, `ping: BYTES`, `close CODE: TEXT`.
    pub(in crate::transcript) fn parse(line: &str) -> Result<Verb, String> {
        let (head, content) = line.split_once(':').unwrap_or((line, ""));
        let content = text::parse(content.strip_prefix(' ').unwrap_or(content))?;
        let words: Vec<&str> = head.split(' ').collect();
        let (compressed, words) = match &words[..] {
            ["compressed", rest @ ..] => (true, rest),
            all => (false, all),
        };
        let kind = |word: &str| if word == "text" { Kind::Text } else { Kind::Binary };
        Ok(match words {
            [word @ ("text" | "binary")] => {
                Verb::Send { kind: kind(word), compressed, data: content, last: true }
            }
            [word @ ("text" | "binary"), "part"] => {
                Verb::Send { kind: kind(word), compressed, data: content, last: false }
            }
            ["ping"] => Verb::Ping(content),
            ["close"] => Verb::Close(CloseCode::NO_STATUS.0, String::new()),
            ["close", code] => {
                let reason = String::from_utf8(content).map_err(|_| "a reason is text")?;
                Verb::Close(code.parse().map_err(|_| format!("bad code {code:?}"))?, reason)
            }
            ["shutdown"] => Verb::Shutdown,
            ["hold"] => Verb::Hold,
            ["write"] => Verb::Write(content),
            _ => return Err(format!("unknown call {line:?}")),
        })
    }

    pub(in crate::transcript) fn make<R: Role>(
        &self,
        m: &mut Connection<R>,
        now: Instant,
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        match self {
            #[cfg(feature = "deflate")]
            Verb::Send { kind, compressed: true, data, last } => {
                m.send_compressed(now, *kind, data, *last, out)
            }
            Verb::Send { kind, data, last, .. } => m.send(now, *kind, data, *last, out),
            Verb::Ping(data) => m.ping(now, data, out),
            Verb::Close(code, reason) => m.close(now, CloseCode(*code), reason, out),
            Verb::Shutdown => {
                m.shutdown(now);
                Ok(())
            }
            Verb::Hold => {
                m.hold(now);
                Ok(())
            }
            Verb::Write(content) => {
                out.reserve(content.len())?.copy_from_slice(content);
                Ok(())
            }
        }
    }
}
