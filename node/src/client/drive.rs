//! Carrying one task to its receipt: submit, upload, follow, collect. A silent supplier ends it with its deal.

use std::sync::Arc;
use std::time::Duration;

use matcher::{DealState, EndReason};
use protocol::talk::{Bytes, CHUNK_MAX, Request, Response, TaskNews, TaskRefusal};
use protocol::task::STREAM_MAX;
use protocol::{Hash, Rejected, Scope, TaskFile, Typed};

use crate::api::words::{ErrorWord, TaskStateWord};
use crate::client::{Client, Job, failure};
use crate::happening::Happening;
use crate::net::RequestError;

/// Pause after a request that brought nothing.
const RETRY: Duration = Duration::from_millis(300);
/// How often the deal is looked at while a request is out.
const LOOK: Duration = Duration::from_millis(200);
/// Characters that are kept of a supplier's sentence about a task.
const DETAIL_MAX: usize = 1_000;
/// How long a receipt may take after its deal was over.
const GRACE_MS: u64 = 5_000;

impl Client {
    pub(super) fn spawn(self: Arc<Self>, job: Arc<Job>) {
        tokio::spawn(async move {
            let result = self.drive(&job).await;
            self.desk.files.forget(&job.id.to_string().split_off(2));
            let mut progress = job.progress().clone();
            progress.over_ms = Some(self.desk.engine.clock().now_ms());
            progress.state = if result.is_ok() { TaskStateWord::Done } else { TaskStateWord::Failed };
            progress.failure = result.err();
            // On disk before anyone is told.
            if let Err(error) = self.save(&job, &progress) {
                return self.desk.engine.fail(error).await;
            }
            job.change(|shown| *shown = progress);
            let (state, outcome) = {
                let progress = job.progress();
                match (&progress.failure, &progress.receipt) {
                    (Some(failure), _) => ("failed", failure.code.clone()),
                    (None, Some((receipt, _))) => ("done", receipt.outcome.code().to_owned()),
                    (None, None) => ("failed", String::new()),
                }
            };
            self.desk.engine.tell(Happening::Task { task: job.id, state, outcome });
        });
    }

    async fn drive(&self, job: &Arc<Job>) -> Result<(), ErrorWord> {
        let digest = self.desk.domain.digest(&job.task.struct_hash());
        self.ensure_may_sign()?;
        let authority = self.desk.mandate.authority(self.desk.key.sign(&digest));
        let needs = match self.ask(job, Request::RunTask(job.task.clone(), authority)).await? {
            Response::Needs(needs) => needs,
            _ => return Err(nonsense()),
        };
        for content in needs {
            self.upload(job, content).await?;
        }
        let (news, stdout, stderr) = self.follow(job).await?;
        let (receipt, authority) = news.receipt.clone().ok_or_else(nonsense)?;
        self.check(job, &receipt, authority.clone(), (&stdout, &stderr)).await?;
        job.change(|progress| {
            progress.detail = news.detail.chars().take(DETAIL_MAX).collect();
            progress.receipt = Some((receipt.clone(), authority));
        });
        for (name, bytes) in [("stdout", &stdout), ("stderr", &stderr)] {
            self.keep(name, bytes)?;
        }
        for output in &receipt.outputs {
            self.collect(job, output).await?;
            job.change(|progress| progress.outputs.push(output.clone()));
        }
        job.change(|progress| progress.is_verified = true);
        Ok(())
    }

    fn ensure_may_sign(&self) -> Result<(), ErrorWord> {
        let next = Some("ask the owner for `souk key delegate`, then `souk key adopt FILE` and start the node again");
        match self.desk.mandate.check(Scope::TASK, self.desk.engine.clock().now_ms() / 1000) {
            Ok(()) => Ok(()),
            Err(Rejected::Delegation) => {
                Err(failure("out_of_scope", "the delegation that this node trades under does not cover tasks", next))
            }
            Err(_) => Err(failure("delegation_over", "the delegation that this node trades under is over", next)),
        }
    }

    fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), ErrorWord> {
        let kept = tokio::task::block_in_place(|| self.desk.files.keep_bytes(name, bytes));
        kept.map(|_| ()).map_err(|error| failure(error.code(), error.to_string(), None))
    }

    /// Asks the supplier until it answers or the deal is over.
    async fn ask(&self, job: &Job, request: Request) -> Result<Response, ErrorWord> {
        loop {
            let asked = self.desk.net.request(job.supplier, request.clone());
            let answer = tokio::select! {
                answer = asked => answer,
                error = self.deal_over(job) => return Err(error),
            };
            match answer {
                // Too fast, or too much at once: the supplier is there, and will take it in a while.
                Ok(Response::Declined(Rejected::RateLimit) | Response::TaskRefused(TaskRefusal::Busy)) => {
                    tokio::time::sleep(RETRY).await;
                }
                Ok(Response::TaskRefused(refusal)) => {
                    let message = format!("the supplier refused: {refusal}");
                    return Err(failure(refusal.code(), message, Some("see `souk deal show` and `souk task show`")));
                }
                Ok(response) => return Ok(response),
                Err(error) if may_pass(&error) => {
                    tracing::debug!(task = %job.id, %error, "the supplier does not answer");
                    tokio::time::sleep(RETRY).await;
                }
                Err(error) => return Err(failure(error.code(), format!("the supplier: {error}"), None)),
            }
        }
    }

    /// Ends with the error that a broken deal is for its task.
    async fn deal_over(&self, job: &Job) -> ErrorWord {
        let id = job.task.deal;
        loop {
            let look = move |market: &matcher::Market, now: u64| {
                market.deal(&id).map(|deal| (deal.state, deal.reason, now.saturating_sub(deal.over_ms)))
            };
            let error = match self.desk.engine.view(look).await {
                Err(_) => Some(failure("stopped", "the node is shutting down", None)),
                Ok(None) => Some(failure("unknown_deal", "the deal is gone", None)),
                Ok(Some((DealState::Proposed | DealState::Running, ..))) => None,
                Ok(Some((DealState::Ended | DealState::Cancelled, _, ago))) if ago < GRACE_MS => None,
                Ok(Some((_, reason, _))) => Some(broken(reason)),
            };
            if let Some(error) = error {
                return error;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn upload(&self, job: &Job, content: Hash) -> Result<(), ErrorWord> {
        let mut offset = 0;
        loop {
            let bytes = tokio::task::block_in_place(|| self.desk.files.read(&content, offset, CHUNK_MAX));
            let bytes = bytes.map_err(|error| failure(error.code(), error.to_string(), None))?;
            let length = bytes.len();
            let request = Request::PutChunk { task: job.id, content, offset, bytes: Bytes(bytes) };
            self.ask(job, request).await?;
            // A piece shorter than the largest is the last one.
            if length < CHUNK_MAX {
                return Ok(());
            }
            offset += length as u64;
        }
    }

    /// Follows the streams to the receipt; both come back whole.
    async fn follow(&self, job: &Job) -> Result<(Box<TaskNews>, Vec<u8>, Vec<u8>), ErrorWord> {
        let mut is_stop_sent = false;
        loop {
            let (stdout_from, stderr_from) = {
                let progress = job.progress();
                (progress.stdout.len() as u64, progress.stderr.len() as u64)
            };
            if *job.stop.borrow() && !is_stop_sent {
                self.ask(job, Request::StopTask { task: job.id }).await?;
                is_stop_sent = true;
            }
            let request = Request::FollowTask { task: job.id, stdout_from, stderr_from };
            let Response::News(news) = self.ask(job, request).await? else { return Err(nonsense()) };
            let most = STREAM_MAX as usize;
            let is_sane = stdout_from as usize + news.stdout.0.len() <= most
                && stderr_from as usize + news.stderr.0.len() <= most;
            if !is_sane {
                return Err(nonsense());
            }
            let is_idle = news.stdout.0.is_empty() && news.stderr.0.is_empty() && news.receipt.is_none();
            if is_idle && TaskStateWord::from(news.state) == job.progress().state {
                // A supplier that answers at once with nothing is not asked faster for it.
                tokio::time::sleep(RETRY).await;
                continue;
            }
            job.change(|progress| {
                progress.stdout.extend_from_slice(&news.stdout.0);
                progress.stderr.extend_from_slice(&news.stderr.0);
                progress.state = TaskStateWord::from(news.state);
                if news.receipt.is_some() {
                    // Not done before it is checked.
                    progress.state = TaskStateWord::Running;
                }
            });
            if news.receipt.is_some() {
                let progress = job.progress();
                return Ok((news, progress.stdout.clone(), progress.stderr.clone()));
            }
        }
    }

    async fn collect(&self, job: &Job, output: &TaskFile) -> Result<(), ErrorWord> {
        let session = job.id.to_string().split_off(2);
        let mut offset = 0;
        while !self.desk.files.has(&output.content) {
            let request = Request::GetChunk { task: job.id, content: output.content, offset };
            let Response::Chunk(bytes) = self.ask(job, request).await? else { return Err(nonsense()) };
            let end = offset + bytes.0.len() as u64;
            let is_last = end == output.size;
            let expected = (output.size - offset).min(CHUNK_MAX as u64);
            if bytes.0.len() as u64 != expected {
                return Err(failure(
                    "wrong_bytes",
                    format!("{} is not as long as the receipt says", output.path),
                    None,
                ));
            }
            let piece = (offset, &bytes.0[..]);
            let kept =
                tokio::task::block_in_place(|| self.desk.files.append(&session, &output.content, piece, is_last));
            kept.map_err(|error| failure(error.code(), format!("{}: {error}", output.path), None))?;
            offset = end;
        }
        Ok(())
    }
}

/// Whether asking again may help.
fn may_pass(error: &RequestError) -> bool {
    use RequestError::{Busy, Disconnected, NotFound, Timeout, Unreachable};
    matches!(error, Busy | Disconnected | NotFound | Timeout | Unreachable)
}

fn nonsense() -> ErrorWord {
    let advice = "cancel the deal and exclude this supplier with `souk bid create --except`";
    failure("bad_response", "the supplier's answer makes no sense", Some(advice))
}

fn broken(reason: Option<EndReason>) -> ErrorWord {
    let why = reason.map_or_else(|| "it is over".to_owned(), |reason| reason.to_string());
    let code = match reason {
        Some(EndReason::SupplierSilent) => "supplier_silent",
        Some(EndReason::FailedBySupplier) => "supplier_failed",
        _ => "deal_over",
    };
    failure(
        code,
        format!("the task's deal broke: {why}"),
        Some("the bid is offered again by itself; see `souk bid list`"),
    )
}
