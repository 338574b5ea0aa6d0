//! Parts of a file as content.

use crate::pool::PIECE;
use crate::rt::Runtime;
use crate::{BodyError, Chunk, Source, pool};
use std::collections::VecDeque;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A part of the content.
pub(super) enum Part {
    /// What stands between parts of a file.
    Text(Vec<u8>),
    /// Bytes of the file.
    File(Range<u64>),
}

impl Part {
    fn len(&self) -> u64 {
        match self {
            Part::Text(text) => text.len() as u64,
            Part::File(range) => range.end - range.start,
        }
    }
}

type Reading = Pin<Box<dyn Future<Output = (File, io::Result<Vec<u8>>)> + Send>>;

/// Reads one piece at a time, away from the workers.
pub(super) struct FileSource<R> {
    rt: R,
    parts: VecDeque<Part>,
    file: Option<File>,
    reading: Option<Reading>,
    len: u64,
}

impl<R: Runtime> FileSource<R> {
    pub(super) fn new(rt: R, file: File, parts: Vec<Part>) -> Self {
        let len = parts.iter().map(Part::len).sum();
        FileSource { rt, parts: parts.into(), file: Some(file), reading: None, len }
    }
}

impl<R: Runtime> Source for FileSource<R> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk, BodyError>>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let Poll::Ready((file, result)) = reading.as_mut().poll(cx) else { return Poll::Pending };
                (self.reading, self.file) = (None, Some(file));
                // A file that has become shorter cannot fill what was announced.
                return Poll::Ready(Some(result.map(Chunk::from).map_err(|_| BodyError::Aborted)));
            }
            let range = match self.parts.front_mut() {
                None => return Poll::Ready(None),
                Some(Part::File(range)) if !range.is_empty() => {
                    let end = range.end.min(range.start + PIECE as u64);
                    std::mem::replace(&mut range.start, end)..end
                }
                Some(_) => match self.parts.pop_front() {
                    Some(Part::Text(text)) => return Poll::Ready(Some(Ok(text.into()))),
                    _ => continue,
                },
            };
            let Some(mut file) = self.file.take() else { return Poll::Ready(Some(Err(BodyError::Aborted))) };
            let buffer = pool::buffer((range.end - range.start) as usize);
            self.reading = Some(Box::pin(self.rt.unblock(move || {
                let result = read(&mut file, range, buffer);
                (file, result)
            })));
        }
    }

    fn len(&self) -> Option<u64> {
        Some(self.len)
    }
}

/// Reads all of `range`.
///
/// # Errors
/// As the system reports them; of kind `UnexpectedEof` when the file is shorter.
pub(super) fn read(file: &mut File, range: Range<u64>, mut buffer: Vec<u8>) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(range.start))?;
    let len = range.end - range.start;
    buffer.reserve_exact(len as usize);
    if file.take(len).read_to_end(&mut buffer)? as u64 == len {
        Ok(buffer)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}
