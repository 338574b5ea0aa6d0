//! One HTTP/2 frame as it stands in the input, whatever a machine makes of it.

use super::report::code_name;
use avx_core::ErrorCode;
use avx_core::PeerError;
use avx_core::h2::frame::{
    ACK, Continuation, Data, Dependency, END_HEADERS, END_STREAM, GoAway, Header, Headers, Kind, Ping,
    Priority, PriorityUpdate, PushPromise, RstStream, Settings, WindowUpdate,
};
use std::borrow::Cow;

/// What one member of a frame has for a value.
pub(super) enum Value<'a> {
    Number(u64),
    Flag(bool),
    /// Printable, with nothing to escape.
    Word(Cow<'static, str>),
    Bytes(&'a [u8]),
    Settings(Vec<(Cow<'static, str>, u32)>),
    Dependency(Dependency),
}

/// Names and values, in the order they are printed.
pub(super) type Members<'a> = Vec<(&'static str, Value<'a>)>;

/// The members of a frame of which `payload` is in the input: all of it, unless the input ends there.
pub(super) fn members<'a>(header: &Header, payload: &'a [u8]) -> Members<'a> {
    let missing = header.len as usize - payload.len();
    if missing > 0 {
        return vec![("missing", number(missing))];
    }
    parse(header, payload)
        .unwrap_or_else(|error| vec![("malformed", Value::Word(format!("{error:?}").into()))])
}

/// The name of a frame's type, or its number.
pub(super) fn kind_name(kind: Kind) -> Cow<'static, str> {
    kind.name().map_or_else(|| format!("{:#x}", kind.0).into(), Cow::Borrowed)
}

fn parse<'a>(header: &Header, payload: &'a [u8]) -> Result<Members<'a>, PeerError> {
    let flag = |name, bit| (name, Value::Flag(header.has(bit)));
    Ok(match header.kind {
        Kind::DATA => {
            let data = Data::parse(header, payload.first())?;
            let mut members = vec![flag("end_stream", END_STREAM), ("content", number(data.len as usize))];
            push_padding(&mut members, data.skip > 0, data.padding as usize);
            members
        }
        Kind::HEADERS => {
            let headers = Headers::parse(header, payload)?;
            let end = headers.fragment.end;
            let mut members = vec![
                flag("end_stream", END_STREAM),
                flag("end_headers", END_HEADERS),
                ("fragment", number(headers.fragment.len())),
            ];
            push_padding(&mut members, is_padded(header), payload.len() - end);
            if let Some(dependency) = headers.dependency {
                members.push(("priority", Value::Dependency(dependency)));
            }
            members
        }
        Kind::PRIORITY => {
            let priority = Priority::parse(header, payload)?;
            vec![("priority", Value::Dependency(priority.dependency))]
        }
        Kind::RST_STREAM => vec![("code", code(RstStream::parse(header, payload)?.code))],
        Kind::SETTINGS => {
            let settings = Settings::parse(header, payload)?.iter();
            let list = settings.map(|setting| {
                let name = setting.id.name().map(Cow::Borrowed);
                (name.unwrap_or_else(|| format!("{:#x}", setting.id.0).into()), setting.value)
            });
            vec![flag("ack", ACK), ("settings", Value::Settings(list.collect()))]
        }
        Kind::PUSH_PROMISE => {
            let promise = PushPromise::parse(header, payload)?;
            let end = promise.fragment.end;
            let mut members = vec![
                flag("end_headers", END_HEADERS),
                ("promised", Value::Number(promise.promised.into())),
                ("fragment", number(promise.fragment.len())),
            ];
            push_padding(&mut members, is_padded(header), payload.len() - end);
            members
        }
        Kind::PING => {
            let ping = Ping::parse(header, payload)?;
            let data = format!("{:016x}", u64::from_be_bytes(ping.data));
            vec![flag("ack", ACK), ("data", Value::Word(data.into()))]
        }
        Kind::GOAWAY => {
            let go_away = GoAway::parse(header, payload)?;
            vec![
                ("last", Value::Number(go_away.last.into())),
                ("code", code(go_away.code)),
                ("debug", Value::Bytes(&payload[GoAway::FIXED..])),
            ]
        }
        Kind::WINDOW_UPDATE => {
            let update = WindowUpdate::parse(header, payload)?;
            vec![("increment", Value::Number(update.increment.into()))]
        }
        Kind::CONTINUATION => {
            Continuation::parse(header, header.stream)?;
            vec![flag("end_headers", END_HEADERS), ("fragment", number(payload.len()))]
        }
        Kind::PRIORITY_UPDATE => {
            let update = PriorityUpdate::parse(header, payload)?;
            vec![("prioritized", Value::Number(update.stream.into())), ("value", Value::Bytes(update.value))]
        }
        _ => Vec::new(),
    })
}

fn is_padded(header: &Header) -> bool {
    header.has(avx_core::h2::frame::PADDED)
}

fn push_padding(members: &mut Members<'_>, padded: bool, padding: usize) {
    if padded {
        members.push(("padding", number(padding)));
    }
}

fn number<'a>(n: usize) -> Value<'a> {
    Value::Number(n as u64)
}

fn code<'a>(code: ErrorCode) -> Value<'a> {
    Value::Word(code_name(code))
}
