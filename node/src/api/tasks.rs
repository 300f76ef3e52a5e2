//! Routes about tasks and the files they work on.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::{Hash, Typed};
use serde::Deserialize;

use crate::api::Shared;
use crate::api::convert;
use crate::api::error::{ApiError, Result};
use crate::api::words::{ReceiptWord, TaskRequest, TaskStateWord, TaskWord};
use crate::client::Job;
use crate::worker::Entry;

/// How long a reader of logs waits for news.
const LOGS_WAIT: Duration = Duration::from_secs(5);
/// Bytes that one piece of a file has on its way out.
const PIECE: usize = 256 * 1024;

/// `POST /v1/tasks`.
pub async fn submit(State(api): State<Shared>, Json(request): Json<TaskRequest>) -> Result<Json<TaskWord>> {
    let job = api.client.submit(request).await?;
    Ok(Json(of_job(&api, &job)))
}

/// `GET /v1/tasks`: own tasks and those served to others, newest first.
pub async fn list(State(api): State<Shared>) -> Json<Vec<TaskWord>> {
    let own = api.client.all().into_iter().map(|job| of_job(&api, &job));
    let served = api.worker.entries().into_iter().map(|entry| of_entry(&api, &entry));
    let mut all: Vec<TaskWord> = own.chain(served).collect();
    all.sort_by_key(|task| std::cmp::Reverse(task.created_ms));
    Json(all)
}

/// `GET /v1/tasks/{id}`.
pub async fn show(State(api): State<Shared>, Path(id): Path<String>) -> Result<Json<TaskWord>> {
    let id = convert::id(&id)?;
    if let Some(job) = own(&api, &id) {
        return Ok(Json(of_job(&api, &job)));
    }
    let served = api.worker.entries().into_iter().find(|entry| entry.id == id);
    served.map(|entry| Json(of_entry(&api, &entry))).ok_or_else(|| unknown(&id))
}

/// `POST /v1/tasks/{id}/stop`.
pub async fn stop(State(api): State<Shared>, Path(id): Path<String>) -> Result<Json<TaskWord>> {
    let id = convert::id(&id)?;
    let job = own(&api, &id).ok_or_else(|| unknown(&id))?;
    job.stop.send_replace(true);
    Ok(Json(of_job(&api, &job)))
}

fn own(api: &Shared, id: &Hash) -> Option<Arc<Job>> {
    api.client.all().into_iter().find(|job| job.id == *id)
}

fn unknown(id: &Hash) -> ApiError {
    ApiError::new("unknown_task", format!("no task {id} here"), Some("souk task list"))
}

/// The query of `GET /v1/tasks/{id}/logs`.
#[derive(Deserialize)]
pub struct LogsQuery {
    #[serde(default)]
    stream: Stream,
    #[serde(default)]
    from: u64,
}

/// One of a task's two streams.
#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Stream {
    #[default]
    Stdout,
    Stderr,
}

/// `GET /v1/tasks/{id}/logs`: bytes from an offset on; waits for news.
pub async fn logs(
    State(api): State<Shared>,
    Path(id): Path<String>,
    Query(query): Query<LogsQuery>,
) -> Result<Response> {
    let id = convert::id(&id)?;
    let job = own(&api, &id).ok_or_else(|| unknown(&id))?;
    let wait_for_news = async {
        loop {
            let changed = job.news.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if job.progress().is_over() || !log(&job, &query).0.is_empty() {
                return;
            }
            changed.await;
        }
    };
    // Without news there is nothing, which is an answer too.
    let _ = tokio::time::timeout(LOGS_WAIT, wait_for_news).await;
    let (bytes, state) = log(&job, &query);
    let headers =
        [("content-type", "application/octet-stream".to_owned()), ("souk-task-state", state.as_str().to_owned())];
    Ok((headers, bytes).into_response())
}

fn log(job: &Job, query: &LogsQuery) -> (Vec<u8>, TaskStateWord) {
    let progress = job.progress();
    let stream = match query.stream {
        Stream::Stdout => &progress.stdout,
        Stream::Stderr => &progress.stderr,
    };
    let from = usize::try_from(query.from).unwrap_or(usize::MAX).min(stream.len());
    (stream[from..].to_vec(), progress.state)
}

/// The query of `PUT /v1/files/{blake3}`.
#[derive(Deserialize)]
pub struct PutQuery {
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    last: bool,
    /// Keeps uploads of the same file by different programs apart: up to 32 letters and digits.
    #[serde(default)]
    session: String,
}

/// `PUT /v1/files/{blake3}?offset=N&last=true`: one piece of a file.
pub async fn put_file(
    State(api): State<Shared>,
    Path(content): Path<String>,
    Query(query): Query<PutQuery>,
    bytes: axum::body::Bytes,
) -> Result<StatusCode> {
    let content = convert::id(&content)?;
    if query.session.len() > 32 || !query.session.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(ApiError::new("bad_session", "a session is up to 32 letters and digits", None));
    }
    let files = api.files.clone();
    let session = format!("api{}", query.session);
    let piece = move || files.append(&session, &content, (query.offset, &bytes), query.last);
    let done = tokio::task::spawn_blocking(piece).await;
    done.map_err(|error| ApiError::new("disk_failed", error.to_string(), None))??;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v1/files/{blake3}`.
pub async fn get_file(State(api): State<Shared>, Path(content): Path<String>) -> Result<Response> {
    let content = convert::id(&content)?;
    let size = api.files.size(&content)?;
    let files = api.files.clone();
    let pieces = futures::stream::unfold(0u64, move |offset| {
        let files = files.clone();
        async move {
            if offset >= size {
                return None;
            }
            let read = tokio::task::block_in_place(|| files.read(&content, offset, PIECE));
            let next = match &read {
                Ok(bytes) => offset + bytes.len() as u64,
                Err(_) => size,
            };
            Some((read, next))
        }
    });
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, size.into());
    Ok((headers, Body::from_stream(pieces)).into_response())
}

fn of_job(api: &Shared, job: &Job) -> TaskWord {
    let progress = job.progress().clone();
    let receipt = progress.receipt.map(|(receipt, authority)| {
        let signer = authority.delegation.as_ref().map_or(job.supplier, |delegation| delegation.0.delegate);
        let digest = api.client.domain().digest(&receipt.struct_hash());
        receipt_word((receipt, authority), digest, signer, progress.is_verified, &progress.detail)
    });
    TaskWord {
        id: job.id,
        deal: job.task.deal,
        role: "consumer".to_owned(),
        state: progress.state,
        program: job.task.program,
        arguments: job.task.arguments.clone(),
        created_ms: job.created_ms,
        over_ms: progress.over_ms,
        stdout_bytes: progress.stdout.len() as u64,
        stderr_bytes: progress.stderr.len() as u64,
        outputs: progress.outputs,
        receipt,
        failure: progress.failure,
    }
}

fn of_entry(api: &Shared, entry: &Entry) -> TaskWord {
    let progress = entry.progress();
    let receipt = progress.receipt.clone().map(|(receipt, authority)| {
        let digest = api.client.domain().digest(&receipt.struct_hash());
        receipt_word((receipt, authority), digest, api.key.address(), true, &progress.detail)
    });
    TaskWord {
        id: entry.id,
        deal: entry.task.deal,
        role: "supplier".to_owned(),
        state: TaskStateWord::from(progress.state),
        program: entry.task.program,
        arguments: entry.task.arguments.clone(),
        created_ms: entry.created_ms,
        over_ms: progress.over_ms,
        stdout_bytes: progress.stdout.len() as u64,
        stderr_bytes: progress.stderr.len() as u64,
        outputs: receipt.as_ref().map(|word| word.receipt.outputs.clone()).unwrap_or_default(),
        receipt,
        failure: None,
    }
}

fn receipt_word(
    (receipt, authority): (protocol::Receipt, protocol::Authority),
    digest: Hash,
    signer: protocol::Address,
    is_verified: bool,
    detail: &str,
) -> ReceiptWord {
    let code = receipt.outcome.code();
    let outcome_text = match (receipt.outcome, detail) {
        (protocol::Outcome::Exited, _) => format!("exited {}", receipt.code),
        (_, "") => code.to_owned(),
        (_, detail) => format!("{code}: {detail}"),
    };
    let metering_text = receipt.metering.to_string();
    ReceiptWord { receipt, digest, authority, signer, is_verified, outcome_text, metering_text }
}
