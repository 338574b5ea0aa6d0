//! The file format: markdown with a title per case, a list of options, and fenced blocks as steps.

use super::call::Call;
use super::{frames, text, ws};
use avx_core::Config;
use std::time::Duration;

/// A transcript file.
#[derive(Debug)]
pub struct Document {
    /// Everything before the first case, as it stands.
    preamble: Vec<String>,
    /// The cases, in order.
    pub cases: Vec<Case>,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it shows, as a sentence.
    pub title: String,
    /// Line of the title.
    pub line: usize,
    /// Prose and options between title and first block, as they stand.
    prose: Vec<String>,
    /// Which machine is examined.
    pub role: Role,
    /// What it speaks.
    pub speaks: Speaks,
    /// Prefaces and settings have been exchanged before the first step.
    pub(super) greeted: bool,
    /// How it is configured.
    pub config: Config,
    /// What is agreed about compression, in WebSocket.
    pub(super) deflate: Option<String>,
    /// Answers to errors stand in the `out` blocks in full.
    pub(super) goodbyes: bool,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// The machine a case examines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A server: requests come in.
    Server,
    /// A client: responses come in.
    Client,
}

/// The protocol of a case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP/1.1: bytes stand as text.
    #[default]
    Http1,
    /// HTTP/2: bytes stand as frames.
    Http2,
    /// WebSocket: bytes stand as frames.
    WebSocket,
}

/// Something done to the machine, and all that it does thereupon.
#[derive(Clone, Debug)]
pub struct Step {
    /// Prose before its block, as it stands.
    prose: Vec<String>,
    /// What is done.
    pub action: Action,
    /// Events expected, rendered.
    pub events: Vec<String>,
    /// Bytes expected to be written.
    pub out: Vec<u8>,
    /// Frames expected to be written, in HTTP/2 and WebSocket.
    pub frames: Vec<String>,
    /// The block as it stands, to write it back.
    source: Vec<String>,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Bytes arrive; with `true` they are the last.
    In(Vec<u8>, bool),
    /// The user calls.
    Calls(Vec<Call>),
}

impl Document {
    /// Reads a transcript file.
    ///
    /// # Errors
    /// Line number and what is wrong there.
    pub fn parse(source: &str) -> Result<Document, String> {
        let mut document = Document { preamble: Vec::new(), cases: Vec::new() };
        let mut defaults = (None, Config::default());
        let mut speaks = Speaks::default();
        let mut prose: Vec<String> = Vec::new();
        let mut lines = source.lines().enumerate().map(|(i, line)| (i + 1, line));
        while let Some((number, line)) = lines.next() {
            let at = |e: String| format!("{number}: {e}");
            if let Some(kind) = line.strip_prefix("```") {
                let mut block: Vec<String> = Vec::new();
                loop {
                    match lines.next() {
                        Some((_, "```")) => break,
                        Some((_, line)) => block.push(line.to_string()),
                        None => return Err(at("block is not closed".into())),
                    }
                }
                match document.cases.last_mut() {
                    Some(case) => case.block(kind, block, std::mem::take(&mut prose)).map_err(at)?,
                    None => return Err(at("block before the first case".into())),
                }
            } else if let Some(title) = line.strip_prefix("## ") {
                document.end_prose(&mut prose);
                let role = defaults.0.unwrap_or(Role::Server);
                let title = title.to_string();
                let config = defaults.1;
                document.cases.push(Case {
                    title,
                    line: number,
                    prose: Vec::new(),
                    role,
                    speaks,
                    greeted: speaks == Speaks::Http2,
                    config,
                    deflate: None,
                    goodbyes: false,
                    steps: Vec::new(),
                });
            } else {
                if let Some(option) = line.strip_prefix("- ") {
                    match document.cases.last_mut() {
                        Some(case) if option == "report: goodbyes" => case.goodbyes = true,
                        Some(case) if option == "greeting: by hand" => case.greeted = false,
                        Some(case) if option.starts_with("deflate: ") => {
                            case.deflate = Some(option["deflate: ".len()..].to_string());
                        }
                        None if option == "protocol: h2" => speaks = Speaks::Http2,
                        None if option == "protocol: ws" => speaks = Speaks::WebSocket,
                        Some(case) if case.steps.is_empty() => {
                            set(option, &mut case.config, |role| case.role = role).map_err(at)?;
                        }
                        Some(_) => return Err(at("options stand before the first block".into())),
                        None => {
                            let mut role = defaults.0;
                            set(option, &mut defaults.1, |r| role = Some(r)).map_err(at)?;
                            defaults.0 = role;
                        }
                    }
                }
                prose.push(line.to_string());
            }
        }
        document.end_prose(&mut prose);
        Ok(document)
    }

    /// Prose that no block follows belongs to what stands before.
    fn end_prose(&mut self, prose: &mut Vec<String>) {
        match self.cases.last_mut() {
            None => self.preamble.append(prose),
            Some(case) => match case.steps.last_mut() {
                None => case.prose.append(prose),
                Some(_) => prose.clear(),
            },
        }
    }

    /// The file as markdown again.
    pub fn to_markdown(&self) -> String {
        let mut lines = self.preamble.clone();
        for case in &self.cases {
            blank(&mut lines);
            lines.push(format!("## {}", case.title));
            lines.extend(case.prose.iter().cloned());
            for step in &case.steps {
                lines.extend(step.prose.iter().cloned());
                blank(&mut lines);
                let word = if matches!(step.action, Action::In(..)) { "in" } else { "calls" };
                fence(&mut lines, word, &step.source);
                fence(&mut lines, "events", &step.events);
                match case.speaks {
                    Speaks::Http1 => fence(&mut lines, "out", &text::escape_block(&step.out)),
                    Speaks::Http2 | Speaks::WebSocket => fence(&mut lines, "out", &step.frames),
                }
            }
        }
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines.join("\n") + "\n"
    }
}

impl Case {
    /// The bytes and the status, when all that happens is that a server reads and answers an error.
    pub fn refusal(&self) -> Option<(Vec<u8>, u16)> {
        let [Step { action: Action::In(bytes, false), events, out, .. }] = &self.steps[..] else {
            return None;
        };
        let (_, status) = events.last()?.split_once(", answered ")?;
        let count = |word: &str| events.iter().filter(|event| event.starts_with(word)).count();
        let at_once = count("request ") <= 1 && count("end ") == 0 && out.is_empty();
        status.parse().ok().filter(|_| at_once).map(|status| (bytes.clone(), status))
    }

    /// Whether `other` is configured the same.
    pub fn has_config_of(&self, other: &Case) -> bool {
        format!("{:?}", self.config) == format!("{:?}", other.config)
    }

    fn block(&mut self, kind: &str, block: Vec<String>, mut prose: Vec<String>) -> Result<(), String> {
        let action = match kind {
            "in" => {
                let (bytes, eof) = match block.split_last() {
                    Some((last, rest)) if last == "\\EOF" => (rest, true),
                    _ => (&block[..], false),
                };
                match self.speaks {
                    Speaks::Http1 => Action::In(text::parse_block(bytes)?, eof),
                    Speaks::Http2 => Action::In(frames::parse(bytes)?, eof),
                    Speaks::WebSocket => Action::In(ws::parse(bytes, self.role)?, eof),
                }
            }
            "calls" => Action::Calls(Call::parse_block(&block, self.speaks)?),
            "events" | "out" => {
                let step = self.steps.last_mut().ok_or("nothing was done yet")?;
                if kind == "events" {
                    step.events = block;
                } else if self.speaks != Speaks::Http1 {
                    step.frames = block;
                } else {
                    step.out = text::parse_block(&block)?;
                }
                return Ok(());
            }
            other => return Err(format!("unknown kind of block {other:?}")),
        };
        if self.steps.is_empty() {
            self.prose.append(&mut prose);
        }
        prose.dedup_by(|a, b| a.is_empty() && b.is_empty());
        self.steps.push(Step {
            prose,
            action,
            events: Vec::new(),
            out: Vec::new(),
            frames: Vec::new(),
            source: block,
        });
        Ok(())
    }
}

/// Reads one option line, without its dash.
fn set(option: &str, config: &mut Config, role: impl FnOnce(Role)) -> Result<(), String> {
    let (key, values) = option.split_once(": ").ok_or("an option is `key: value`")?;
    if key == "role" {
        role(match values {
            "server" => Role::Server,
            "client" => Role::Client,
            _ => return Err(format!("unknown role {values:?}")),
        });
        return Ok(());
    }
    for value in values.split(", ") {
        match key {
            "attack" => {}
            "lenient" => {
                if !config.lenient.set(value) {
                    return Err(format!("unknown leniency {value:?}"));
                }
            }
            "report" if value == "chunk-extensions" => config.chunk_extensions = true,
            "limit" => {
                let (name, n) = value.split_once(' ').ok_or("a limit is `name number`")?;
                limit(config, name, n.parse().map_err(|_| format!("bad number {n:?}"))?)?;
            }
            "timeout" => {
                let (name, time) = value.split_once(' ').ok_or("a timeout is `name duration`")?;
                timeout(config, name, duration(time)?)?;
            }
            _ => return Err(format!("unknown option {option:?}")),
        }
    }
    Ok(())
}

fn limit(config: &mut Config, name: &str, n: u32) -> Result<(), String> {
    let limits = &mut config.limits;
    match name {
        "start-line" => limits.start_line = n,
        "head" => limits.head = n,
        "field-line" => limits.field_line = n,
        "fields" => limits.fields = n as u16,
        "leading-empty-lines" => limits.leading_empty_lines = n as u8,
        "chunk-line" => limits.chunk_line = n,
        "chunk-extensions" => limits.chunk_extensions = n,
        "chunk-overhead" => limits.chunk_overhead = n,
        "trailers" => limits.trailers = n,
        "informational" => limits.informational = n as u16,
        "unread-body" => limits.unread_body = n,
        "pipelined" => limits.pipelined = n as u8,
        "max-streams" => config.h2.max_streams = n,
        "stream-window" => config.h2.stream_window = n,
        "field-section" => config.h2.field_section = n,
        "resets" => config.h2.resets = n,
        "glitches" => config.h2.glitches = n,
        "priorities" => config.h2.priorities = n as u8,
        "connect-protocol" => config.h2.connect_protocol = n > 0,
        "push" => config.h2.push = n > 0,
        "message" => config.ws.message = n.into(),
        "frame" => config.ws.frame = n.into(),
        "empty-fragments" => config.ws.empty_fragments = n as u16,
        "controls" => config.ws.controls = n,
        _ => return Err(format!("unknown limit {name:?}")),
    }
    Ok(())
}

fn timeout(config: &mut Config, name: &str, d: Duration) -> Result<(), String> {
    let timeouts = &mut config.timeouts;
    match name {
        "first-head" => timeouts.first_head = d,
        "head" => timeouts.head = d,
        "idle" => timeouts.idle = d,
        "body-grace" => timeouts.body_grace = d,
        "drain" => timeouts.drain = d,
        "linger" => timeouts.linger = d,
        "expect-continue" => timeouts.expect_continue = d,
        "settings" => config.h2.settings_timeout = d,
        "window-stall" => config.h2.window_stall = d,
        "keep-alive" => (config.h2.keep_alive, config.ws.keep_alive) = (d, d),
        "pong" => config.ws.pong_timeout = d,
        "close" => config.ws.close_timeout = d,
        _ => return Err(format!("unknown timeout {name:?}")),
    }
    Ok(())
}

/// `10s`, `500ms`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("bad duration {text:?}");
    if let Some(ms) = text.strip_suffix("ms") {
        return ms.parse().map(Duration::from_millis).map_err(|_| bad());
    }
    let s = text.strip_suffix('s').ok_or_else(bad)?;
    s.parse().map(Duration::from_secs).map_err(|_| bad())
}

fn blank(lines: &mut Vec<String>) {
    if lines.last().is_some_and(|line| !line.is_empty()) {
        lines.push(String::new());
    }
}

fn fence(lines: &mut Vec<String>, word: &str, block: &[String]) {
    if !block.is_empty() {
        lines.push(format!("```{word}"));
        lines.extend(block.iter().cloned());
        lines.push("```".into());
    }
}
