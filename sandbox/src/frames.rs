//! What node and child say through the two pipes: one assignment and the program in, frames out. Each message is its
//! length as four bytes, least first, and that many bytes of the wire. Knows nothing of what they mean.

use std::fs::File;
use std::io::{self, Read, Write};

use protocol::{Hash, Limits, Outcome, Rejected, wire};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The largest assignment: arguments, environment and the rest.
pub const ASSIGNMENT_MAX: usize = 1 << 20;
/// The largest frame.
pub const FRAME_MAX: usize = 80 << 10;
/// Bytes of output in one frame.
pub const CHUNK_MAX: usize = 64 << 10;
/// Bytes of a report's sentence; what is longer is cut.
pub const DETAIL_MAX: usize = 2048;
/// The length before each message.
const LENGTH: usize = 4;

/// What the child is to do. The bytes of the program follow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The node's process id, so that the child can see whether it is still there.
    pub parent: u32,
    /// Arguments, without the program's name.
    pub arguments: Vec<String>,
    /// The whole environment.
    pub environment: Vec<(String, String)>,
    /// What the program may use.
    pub limits: Limits,
    /// Seed of its randomness.
    pub seed: Hash,
    /// Bytes of the program.
    pub program_size: u64,
}

/// What the child says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// The program was compiled in so many milliseconds.
    Compiled(u64),
    /// The program runs from here.
    Started,
    /// Next bytes of standard output.
    Stdout(Vec<u8>),
    /// Next bytes of standard error.
    Stderr(Vec<u8>),
    /// The last frame.
    Finished(Report),
}

/// How the program ended, as the child saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How.
    pub outcome: Outcome,
    /// Exit status or kind of trap.
    pub code: u32,
    /// Gas used.
    pub gas: u64,
    /// A sentence for people.
    pub detail: String,
}

impl Report {
    /// A report without code or gas.
    pub fn plain(outcome: Outcome, detail: impl Into<String>) -> Report {
        Report { outcome, code: 0, gas: 0, detail: detail.into() }
    }
}

/// `message` with its length before it.
pub fn pack<T: Serialize>(message: &T) -> Vec<u8> {
    let body = wire::encode(message);
    let mut bytes = Vec::with_capacity(LENGTH + body.len());
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

/// Reads one message of at most `max` bytes.
///
/// # Errors
/// If the reader fails or ends, or the message is too long or not canonical.
pub fn read_message<T: Serialize + DeserializeOwned>(reader: &mut impl Read, max: usize) -> io::Result<T> {
    let mut length = [0; LENGTH];
    reader.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, Rejected::TooLarge));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    wire::decode(&body, max).map_err(|rejected| io::Error::new(io::ErrorKind::InvalidData, rejected))
}

/// The child's end of the pipe that carries frames. A write waits while the pipe is full.
#[derive(Debug)]
pub struct FramePipe(File);

impl FramePipe {
    /// Frames go to `file`.
    pub fn new(file: File) -> FramePipe {
        FramePipe(file)
    }

    /// Another handle of the same pipe.
    ///
    /// # Errors
    /// If no descriptor is left.
    pub fn try_clone(&self) -> io::Result<FramePipe> {
        self.0.try_clone().map(FramePipe)
    }

    /// Writes one frame, whole.
    ///
    /// # Errors
    /// If the node has closed its end.
    pub fn send(&mut self, frame: &Frame) -> io::Result<()> {
        self.0.write_all(&pack(frame))
    }
}

/// Why the child's words cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The pipe ended inside a frame, or failed.
    #[error("its pipe failed: {0}")]
    Pipe(#[from] io::Error),
    /// Not a frame.
    #[error("it wrote what is no frame: {0}")]
    Garbled(Rejected),
}

/// The node's end of the pipe.
#[derive(Debug)]
pub struct FrameReader<R> {
    pipe: R,
    buffer: Vec<u8>,
    /// Where the next frame begins in the buffer.
    at: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads frames from `pipe`.
    pub fn new(pipe: R) -> FrameReader<R> {
        FrameReader { pipe, buffer: Vec::with_capacity(LENGTH + FRAME_MAX), at: 0 }
    }

    /// The next frame, or `None` after the last. Nothing is lost if the future is dropped and called again.
    ///
    /// # Errors
    /// If the pipe fails or holds anything but frames.
    pub async fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            if let Some(frame) = self.take().map_err(FrameError::Garbled)? {
                return Ok(Some(frame));
            }
            // Only here, and not after each frame: a full buffer can hold thousands of small ones.
            self.buffer.drain(..self.at);
            self.at = 0;
            if self.pipe.read_buf(&mut self.buffer).await? == 0 {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                };
            }
        }
    }

    /// The next frame of the buffer, if it is whole.
    fn take(&mut self) -> Result<Option<Frame>, Rejected> {
        let rest = &self.buffer[self.at..];
        let Some(length) = rest.first_chunk::<LENGTH>().map(|bytes| u32::from_le_bytes(*bytes) as usize) else {
            return Ok(None);
        };
        if length > FRAME_MAX {
            return Err(Rejected::TooLarge);
        }
        let Some(body) = rest.get(LENGTH..LENGTH + length) else { return Ok(None) };
        let frame = wire::decode(body, FRAME_MAX)?;
        self.at += LENGTH + length;
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader makes of `bytes`: the frames, and whether it ended well.
    fn read_all(bytes: &[u8]) -> (Vec<Frame>, Result<(), FrameError>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut reader = FrameReader::new(bytes);
            let mut frames = Vec::new();
            loop {
                match reader.next().await {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => return (frames, Ok(())),
                    Err(error) => return (frames, Err(error)),
                }
            }
        })
    }

    #[test]
    fn frames_come_back_in_order_and_a_cut_one_is_an_error() {
        let report = Report { outcome: Outcome::Exited, code: 3, gas: 9, detail: String::from("exited") };
        let frames = vec![
            Frame::Compiled(7),
            Frame::Started,
            Frame::Stdout(vec![0; CHUNK_MAX]),
            Frame::Stderr(vec![]),
            Frame::Finished(report),
        ];
        let bytes: Vec<u8> = frames.iter().flat_map(pack).collect();
        let (read, end) = read_all(&bytes);
        assert_eq!(read, frames);
        assert!(end.is_ok());
        let (read, end) = read_all(&bytes[..bytes.len() - 1]);
        assert_eq!(read, frames[..4]);
        assert!(matches!(end, Err(FrameError::Pipe(_))));
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let (_, end) = read_all(&[0xff; 8]);
        assert!(matches!(end, Err(FrameError::Garbled(Rejected::TooLarge))));
        let (_, end) = read_all(&[1, 0, 0, 0, 99]);
        assert!(matches!(end, Err(FrameError::Garbled(Rejected::Encoding))));
    }

    #[test]
    fn an_assignment_longer_than_allowed_is_not_read() {
        let bytes = pack(&"x".repeat(100));
        assert!(read_message::<String>(&mut &bytes[..], 50).is_err());
        assert_eq!(read_message::<String>(&mut &bytes[..], 200).unwrap().len(), 100);
    }
}
