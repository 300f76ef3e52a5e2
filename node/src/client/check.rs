//! Checking a receipt: it is the supplier's, it is about this very task, and the bytes are those it names.

use protocol::{Address, Authority, Claim, Hash, Outcome, Receipt, Scope};

use crate::api::words::ErrorWord;
use crate::client::{Client, Job, failure};

impl Client {
    /// Whether the receipt is signed by the deal's supplier and fits the task and the streams that were received.
    pub(super) async fn check(
        &self,
        job: &Job,
        receipt: &Receipt,
        authority: Authority,
        streams: (&[u8], &[u8]),
    ) -> Result<(), ErrorWord> {
        fits(job, receipt, streams).map_err(|what| {
            let advice = "cancel the deal and exclude this supplier with `souk bid create --except`";
            failure("wrong_receipt", format!("the receipt names another {what}"), Some(advice))
        })?;
        let supplier = self.supplier_of(job.task.deal).await?;
        let (claim, domain) = (Claim::single(receipt, supplier, Scope::RECEIPT), self.desk.domain);
        let unix_s = self.desk.engine.clock().now_ms() / 1000;
        let verify = move || authority.verify(&claim, &domain, unix_s);
        let verdict = tokio::task::spawn_blocking(verify).await;
        match verdict {
            Ok(Ok(())) => Ok(()),
            Ok(Err(rejected)) => Err(failure("wrong_receipt", format!("the receipt is {rejected}"), None)),
            Err(_) => Err(failure("stopped", "the node is shutting down", None)),
        }
    }

    async fn supplier_of(&self, deal: Hash) -> Result<Address, ErrorWord> {
        let look = move |market: &matcher::Market, _| market.deal(&deal).map(|deal| deal.terms.supplier());
        let found = self.desk.engine.view(look).await.ok().flatten();
        found.ok_or_else(|| failure("unknown_deal", "the deal is gone", None))
    }
}

/// The first thing in which the receipt is not about this task or these bytes.
fn fits(job: &Job, receipt: &Receipt, (stdout, stderr): (&[u8], &[u8])) -> Result<(), &'static str> {
    let task = &job.task;
    let is_stream = |file: &protocol::TaskFile, bytes: &[u8]| {
        file.content.0 == *blake3::hash(bytes).as_bytes() && file.size == bytes.len() as u64
    };
    let is_output = |file: &protocol::TaskFile| task.outputs.contains(&file.path);
    let mut paths: Vec<&str> = receipt.outputs.iter().map(|file| file.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    let is_clean = receipt.outcome == Outcome::Exited && receipt.code == 0;
    let is_whole = paths.len() == receipt.outputs.len() && (!is_clean || paths.len() == task.outputs.len());
    let total: u128 = receipt.outputs.iter().map(|file| u128::from(file.size)).sum();
    let checks = [
        (receipt.deal == task.deal, "deal"),
        (receipt.task == job.id, "task"),
        (receipt.program == task.program, "program"),
        (receipt.arguments == task.arguments_hash(), "argument list"),
        (receipt.inputs == task.inputs_hash(), "set of inputs"),
        (receipt.metering == task.metering, "metering"),
        (receipt.gas_limit == task.limits.gas && receipt.gas <= task.limits.gas, "amount of gas"),
        (is_stream(&receipt.stdout, stdout), "standard output"),
        (is_stream(&receipt.stderr, stderr), "standard error"),
        (is_whole && receipt.outputs.iter().all(is_output), "set of outputs"),
        (total <= u128::from(task.limits.output), "size of outputs"),
    ];
    checks.iter().find(|(fits, _)| !fits).map_or(Ok(()), |(_, what)| Err(what))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use protocol::{Limits, ProgramKind, Task, TaskFile};
    use tokio::sync::{Notify, watch};

    use super::*;
    use crate::client::JobProgress;

    const OUT: &[u8] = b"what it printed";

    fn file(path: &str, bytes: &[u8]) -> TaskFile {
        TaskFile { path: path.into(), content: Hash(*blake3::hash(bytes).as_bytes()), size: bytes.len() as u64 }
    }

    fn job() -> Job {
        let task = Task {
            deal: Hash([1; 32]),
            number: 1,
            kind: ProgramKind::WasiCommand,
            program: Hash([2; 32]),
            arguments: vec!["a".into()],
            environment: Vec::new(),
            inputs: vec![file("in", b"in")],
            outputs: vec!["out.png".into(), "log".into()],
            limits: Limits { gas: 100, memory: 1 << 20, output: 1000, wall_ms: 1000 },
            metering: sandbox::metering(),
            seed: Hash::ZERO,
        };
        Job {
            id: Hash([3; 32]),
            task,
            supplier: Address([4; 20]),
            created_ms: 0,
            progress: Mutex::new(JobProgress::new()),
            news: Notify::new(),
            stop: watch::channel(false).0,
        }
    }

    fn honest(job: &Job) -> Receipt {
        Receipt {
            deal: job.task.deal,
            task: job.id,
            program: job.task.program,
            arguments: job.task.arguments_hash(),
            inputs: job.task.inputs_hash(),
            outputs: vec![file("out.png", b"picture"), file("log", b"log")],
            stdout: file("stdout", OUT),
            stderr: file("stderr", b""),
            outcome: Outcome::Exited,
            code: 0,
            gas: 99,
            gas_limit: 100,
            metering: job.task.metering.clone(),
            wall_ms: 5,
        }
    }

    #[test]
    fn an_honest_receipt_fits_and_every_lie_is_named() {
        let job = job();
        assert_eq!(fits(&job, &honest(&job), (OUT, b"")), Ok(()));
        type Lie = fn(&mut Receipt);
        let lies: [(&str, Lie); 14] = [
            ("deal", |receipt| receipt.deal = Hash::ZERO),
            ("task", |receipt| receipt.task = Hash::ZERO),
            ("program", |receipt| receipt.program = Hash::ZERO),
            ("argument list", |receipt| receipt.arguments = Hash::ZERO),
            ("set of inputs", |receipt| receipt.inputs = Hash::ZERO),
            ("metering", |receipt| receipt.metering.version += 1),
            ("amount of gas", |receipt| receipt.gas = 101),
            ("amount of gas", |receipt| receipt.gas_limit = 1_000),
            ("standard output", |receipt| receipt.stdout = file("stdout", b"something else")),
            ("standard error", |receipt| receipt.stderr.size = 7),
            ("set of outputs", |receipt| receipt.outputs[0].path = "../out.png".into()),
            ("set of outputs", |receipt| receipt.outputs[1] = receipt.outputs[0].clone()),
            ("set of outputs", |receipt| drop(receipt.outputs.pop())),
            ("size of outputs", |receipt| receipt.outputs[0].size = u64::MAX),
        ];
        for (what, lie) in lies {
            let mut receipt = honest(&job);
            lie(&mut receipt);
            assert_eq!(fits(&job, &receipt, (OUT, b"")), Err(what));
        }
    }

    #[test]
    fn a_program_that_failed_need_not_leave_its_outputs() {
        let job = job();
        let mut receipt = honest(&job);
        (receipt.outcome, receipt.outputs) = (Outcome::Trapped, Vec::new());
        assert_eq!(fits(&job, &receipt, (OUT, b"")), Ok(()));
        assert_eq!(fits(&job, &receipt, (b"", b"")), Err("standard output"));
    }
}
