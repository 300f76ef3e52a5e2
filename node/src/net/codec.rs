//! Requests and responses as bytes on a stream: limits while reading, one canonical form. Knows no peer.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};
use protocol::Rejected;
use protocol::talk::{Request, Response};
use protocol::wire::{self, REQUEST_MAX, RESPONSE_MAX};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The protocol's name on a stream.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/souk/1");
/// Bytes read at once, so that memory grows with what has arrived and not with what is claimed.
const READ_STEP: usize = 16 * 1024;

/// What was wrong with the bytes of a request or a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// More bytes than a request or a response may have.
    #[error("longer than the {max} bytes allowed")]
    TooLong {
        /// The limit.
        max: usize,
    },
    /// The other side closed the stream without a word.
    #[error("closed without a word")]
    Silent,
    /// Not the canonical bytes of anything.
    #[error("{0}")]
    Garbage(Rejected),
}

impl StreamFault {
    /// The fault inside an error of the stream; `None` for a failure of the connection.
    pub(super) fn of(error: &io::Error) -> Option<StreamFault> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl From<StreamFault> for io::Error {
    fn from(fault: StreamFault) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, fault)
    }
}

/// A request as it travels. libp2p is silent about requests that cannot be read, so what is wrong with one is told in
/// its place.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) content: Result<Request, StreamFault>,
    /// Bytes that were read; zero for a request of our own.
    pub(super) bytes: usize,
}

impl Parcel {
    /// A request of our own.
    pub(super) fn of(request: Request) -> Parcel {
        Parcel { content: Ok(request), bytes: 0 }
    }
}

/// Reads and writes `/souk/1`: the canonical bytes of one word, ended by the end of the stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Codec;

async fn read<T, S>(stream: &mut S, max: usize) -> io::Result<(T, usize)>
where
    T: Serialize + DeserializeOwned,
    S: AsyncRead + Unpin + Send,
{
    let mut bytes = Vec::new();
    let mut step = vec![0; READ_STEP];
    loop {
        let count = stream.read(&mut step).await?;
        if count == 0 {
            break;
        }
        if bytes.len() + count > max {
            return Err(StreamFault::TooLong { max }.into());
        }
        bytes.extend_from_slice(&step[..count]);
    }
    if bytes.is_empty() {
        return Err(StreamFault::Silent.into());
    }
    let word = wire::decode(&bytes, max).map_err(StreamFault::Garbage)?;
    Ok((word, bytes.len()))
}

async fn write<T, S>(stream: &mut S, word: &T, max: usize) -> io::Result<()>
where
    T: Serialize + Sync,
    S: AsyncWrite + Unpin + Send,
{
    let bytes = wire::encode(word);
    if bytes.len() > max {
        return Err(StreamFault::TooLong { max }.into());
    }
    stream.write_all(&bytes).await
}

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Parcel;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Parcel>
    where
        T: AsyncRead + Unpin + Send,
    {
        match read(io, REQUEST_MAX).await {
            Ok((request, bytes)) => Ok(Parcel { content: Ok(request), bytes }),
            Err(error) => match StreamFault::of(&error) {
                Some(fault) => Ok(Parcel { content: Err(fault), bytes: REQUEST_MAX }),
                None => Err(error),
            },
        }
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        Ok(read(io, RESPONSE_MAX).await?.0)
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, parcel: Parcel) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &parcel.content?, REQUEST_MAX).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, response: Response) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &response, RESPONSE_MAX).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use futures::io::Cursor;
    use protocol::talk::Bytes;

    fn fault<T: std::fmt::Debug>(result: io::Result<T>) -> Option<StreamFault> {
        StreamFault::of(&result.unwrap_err())
    }

    #[test]
    fn a_response_of_the_largest_size_passes_and_one_byte_more_does_not() {
        let envelope = wire::encode(&Response::Chunk(Bytes(vec![7; RESPONSE_MAX - 100]))).len() - (RESPONSE_MAX - 100);
        let largest = Response::Chunk(Bytes(vec![7; RESPONSE_MAX - envelope]));
        let mut stream = Cursor::new(Vec::new());
        block_on(write(&mut stream, &largest, RESPONSE_MAX)).unwrap();
        assert_eq!(stream.get_ref().len(), RESPONSE_MAX);
        stream.set_position(0);
        assert_eq!(block_on(read::<Response, _>(&mut stream, RESPONSE_MAX)).unwrap(), (largest, RESPONSE_MAX));

        let larger = Response::Chunk(Bytes(vec![7; RESPONSE_MAX - envelope + 1]));
        let too_long = Some(StreamFault::TooLong { max: RESPONSE_MAX });
        assert_eq!(fault(block_on(write(&mut stream, &larger, RESPONSE_MAX))), too_long);
        let mut stream = Cursor::new(wire::encode(&larger));
        assert_eq!(fault(block_on(read::<Response, _>(&mut stream, RESPONSE_MAX))), too_long);
    }

    #[test]
    fn garbage_and_silence_are_told_apart() {
        let read = |bytes: &[u8]| fault(block_on(read::<Request, _>(&mut Cursor::new(bytes.to_vec()), REQUEST_MAX)));
        assert_eq!(read(&[]), Some(StreamFault::Silent));
        assert_eq!(read(&[250]), Some(StreamFault::Garbage(Rejected::Encoding)));
        assert_eq!(read(&[6; 300]), Some(StreamFault::Garbage(Rejected::Encoding)));
    }
}
