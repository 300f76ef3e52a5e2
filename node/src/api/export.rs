//! `GET /v1/epochs/{n}/book`: all that it takes to check a past epoch elsewhere, written piece by piece so that a large book
//! takes no memory twice.

use std::io::{self, Write};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use matcher::{Market, Proven};
use protocol::Parameters;
use tokio::sync::{Semaphore, mpsc};

use crate::api::Shared;
use crate::api::error::{ApiError, Result};
use crate::api::market::wanted_epoch;
use crate::api::words::{ExportWord, SideWord};

/// Books that are written at once; more are refused: busy.
pub const WRITERS_MAX: usize = 2;
/// Bytes of a piece.
const PIECE: usize = 64 * 1024;
/// Pieces that wait for a slow reader; then the writer waits.
const PIECES_CAP: usize = 4;

static WRITERS: Semaphore = Semaphore::const_new(WRITERS_MAX);

/// `GET /v1/epochs/{n}/book` and `GET /v1/epochs/latest/book`.
pub async fn book(State(api): State<Shared>, Path(epoch): Path<String>) -> Result<Response> {
    let wanted = wanted_epoch(&epoch)?;
    let look = move |market: &Market, _| match find(market, wanted) {
        Some(proven) => Ok((market.parameters().clone(), proven)),
        None => Err(missing(market, wanted)),
    };
    let (parameters, proven) = api.engine.view(look).await??;
    let busy = |_| ApiError::new("busy", "other books are being written", Some("try again in a moment"));
    let permit = WRITERS.try_acquire().map_err(busy)?;
    let (pieces, written) = mpsc::channel(PIECES_CAP);
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        write(parameters, &proven, pieces);
    });
    let pieces = futures::stream::unfold(written, |mut written| async { Some((written.recv().await?, written)) });
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

fn find(market: &Market, wanted: Option<u64>) -> Option<Arc<Proven>> {
    let mut newest_first = market.proven().rev();
    match wanted {
        Some(epoch) => newest_first.find(|proven| proven.clearing.epoch == epoch).cloned(),
        None => newest_first.next().cloned(),
    }
}

fn missing(market: &Market, wanted: Option<u64>) -> ApiError {
    let kept = market.proven().next().zip(market.proven().next_back());
    let next = kept.map(|(first, last)| {
        format!("choose one of the epochs {} to {}, whose books are kept", first.clearing.epoch, last.clearing.epoch)
    });
    let next = next.as_deref().unwrap_or("wait until an epoch has ended since the node started");
    match wanted.filter(|epoch| market.clearing(*epoch).is_some()) {
        Some(epoch) => ApiError::new("book_gone", format!("of epoch {epoch} only the matches are kept"), Some(next)),
        None => {
            let epoch = wanted.map_or_else(|| "any epoch".to_owned(), |epoch| format!("epoch {epoch}"));
            ApiError::new("unknown_epoch", format!("this node keeps no clearing of {epoch}"), Some(next))
        }
    }
}

type Pieces = mpsc::Sender<io::Result<Bytes>>;

/// The document; its orders become words as they are written.
pub(crate) fn document(parameters: Parameters, proven: &Proven) -> ExportWord<SideWord<'_>> {
    ExportWord {
        format: ExportWord::FORMAT.to_owned(),
        version: ExportWord::VERSION,
        souk: env!("CARGO_PKG_VERSION").to_owned(),
        market: proven.book.market,
        parameters,
        epoch: proven.book.epoch,
        asks: SideWord(&proven.book.asks),
        bids: SideWord(&proven.book.bids),
        clearing: proven.clearing.clone(),
    }
}

/// Writes the whole document; a reader that hung up ends it.
fn write(parameters: Parameters, proven: &Proven, pieces: Pieces) {
    let mut out = io::BufWriter::with_capacity(PIECE, Sending(&pieces));
    let written = serde_json::to_writer(&mut out, &document(parameters, proven))
        .map_err(io::Error::from)
        .and_then(|()| out.flush());
    drop(out);
    if let Err(error) = written {
        // An error in the stream tells the reader that this was not all; whoever hung up does not hear it.
        let _ = pieces.blocking_send(Err(error));
    }
}

/// Hands on what it is given as pieces.
struct Sending<'a>(&'a Pieces);

impl Write for Sending<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
