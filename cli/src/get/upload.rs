//! Content to send: from the command line, a file, or standard input, read as it is sent.

use avx_http::{Body, BodyError, Chunk, Source};
use runtime_avx::{Handle, Unblock};
use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// Bytes read at once.
const PIECE: usize = 64 << 10;

/// What is sent with a request.
pub(super) enum Upload {
    /// These bytes; can be sent again.
    Bytes(Vec<u8>),
    /// What a file holds: each reader opens it, and has a position of its own.
    File(PathBuf, u64),
    /// What a pipe or a device gives, until its end; once.
    Stream(Option<Box<dyn Read + Send>>),
}

impl Upload {
    /// The arguments of `-d`, joined by `&` as forms are. One file alone is not held in memory.
    pub(super) fn data(arguments: &[String]) -> io::Result<Upload> {
        if let [one] = arguments {
            if let Some(name) = one.strip_prefix('@') {
                return Upload::open(name);
            }
        }
        let mut bytes = Vec::new();
        for (i, argument) in arguments.iter().enumerate() {
            if i > 0 {
                bytes.push(b'&');
            }
            match argument.strip_prefix('@') {
                Some(name) => match Upload::open(name)? {
                    Upload::Bytes(more) => bytes.extend(more),
                    Upload::File(path, _) => drop(File::open(path)?.read_to_end(&mut bytes)?),
                    Upload::Stream(stream) => {
                        if let Some(mut stream) = stream {
                            stream.read_to_end(&mut bytes)?;
                        }
                    }
                },
                None => bytes.extend_from_slice(argument.as_bytes()),
            }
        }
        Ok(Upload::Bytes(bytes))
    }

    /// The file of this name; `-` is standard input.
    pub(super) fn open(name: &str) -> io::Result<Upload> {
        if name == "-" {
            return Ok(Upload::Stream(Some(Box::new(io::stdin()))));
        }
        let file = File::open(name)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(if metadata.is_file() {
            Upload::File(name.into(), metadata.len())
        } else {
            Upload::Stream(Some(Box::new(file)))
        })
    }

    /// The content, to send it now. `None` when it was sent before and is gone.
    pub(super) fn lend(&mut self) -> Option<Upload> {
        match self {
            Upload::Bytes(bytes) => Some(Upload::Bytes(bytes.clone())),
            Upload::File(path, len) => Some(Upload::File(path.clone(), *len)),
            Upload::Stream(stream) => stream.take().map(|stream| Upload::Stream(Some(stream))),
        }
    }

    /// As content; what cannot be read is told to `failed`.
    pub(super) fn into_body(self, handle: &Handle, failed: &Failed) -> Body {
        let (read, len): (Box<dyn Read + Send>, _) = match self {
            Upload::Bytes(bytes) => return bytes.into(),
            // What is added meanwhile is not part of what was announced.
            Upload::File(path, len) => match File::open(path) {
                Ok(file) => (Box::new(file.take(len)), Some(len)),
                Err(error) => (Box::new(Unreadable(Some(error))), Some(len)),
            },
            Upload::Stream(Some(read)) => (read, None),
            Upload::Stream(None) => return Body::empty(),
        };
        let reading =
            Reading { handle: handle.clone(), left: len, state: State::Idle(read), failed: failed.clone() };
        Body::source(reading)
    }
}

/// What could be opened before and cannot any more.
struct Unreadable(Option<io::Error>);

impl Read for Unreadable {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Why content could not be read, if so.
#[derive(Clone, Debug, Default)]
pub(super) struct Failed(Arc<Mutex<Option<io::Error>>>);

impl Failed {
    pub(super) fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, error: io::Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// Reads piece by piece, on a thread that may block.
struct Reading {
    handle: Handle,
    left: Option<u64>,
    state: State,
    failed: Failed,
}

type Input = Box<dyn Read + Send>;

enum State {
    Idle(Input),
    Busy(Unblock<(Input, io::Result<Vec<u8>>)>),
    Done,
}

impl Source for Reading {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk, BodyError>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Idle(mut input) => {
                    self.state = State::Busy(self.handle.unblock(move || {
                        let piece = read(&mut input);
                        (input, piece)
                    }));
                }
                State::Busy(mut work) => match Pin::new(&mut work).poll(cx) {
                    Poll::Pending => {
                        self.state = State::Busy(work);
                        return Poll::Pending;
                    }
                    Poll::Ready((input, Ok(piece))) if !piece.is_empty() => {
                        self.state = State::Idle(input);
                        self.left = self.left.map(|left| left.saturating_sub(piece.len() as u64));
                        return Poll::Ready(Some(Ok(piece.into())));
                    }
                    Poll::Ready((_, Ok(_))) if self.left.is_some_and(|left| left > 0) => {
                        self.failed.set(io::Error::other("the file became shorter while it was sent"));
                        return Poll::Ready(Some(Err(BodyError::Aborted)));
                    }
                    Poll::Ready((_, Ok(_))) => {}
                    Poll::Ready((_, Err(error))) => {
                        self.failed.set(error);
                        return Poll::Ready(Some(Err(BodyError::Aborted)));
                    }
                },
                State::Done => return Poll::Ready(None),
            }
        }
    }

    fn len(&self) -> Option<u64> {
        self.left
    }
}

fn read(input: &mut Input) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; PIECE];
    loop {
        match input.read(&mut piece) {
            Ok(n) => {
                piece.truncate(n);
                return Ok(piece);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
