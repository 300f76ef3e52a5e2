//! What people see of a devnet: a line a step, the roots, the program's own words, the timeline. With --json all of it
//! goes to stderr.

use std::io;
use std::path::Path;
use std::sync::Mutex;

use indicatif::ProgressBar;

use super::report::{EpochRoots, Report};
use super::{sample, timeline};
use crate::cli::context::quoted;
use crate::cli::output::{self, Harmless, Paint};
use crate::cli::progress;
use crate::cli::table::millis_text;

/// Columns of a step's text, up to its milliseconds.
const TEXT_WIDTH: usize = 46;

/// The spinner that is drawn now, so that it can be taken away whatever happens.
static SPINNER: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Where the lines go.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    is_json: bool,
    paint: Paint,
}

impl Screen {
    /// The screen for this answer.
    pub fn new(is_json: bool) -> Screen {
        Screen { is_json, paint: if is_json { Paint::stderr() } else { Paint::stdout() } }
    }

    /// One line of the story.
    pub fn line(&self, text: &str) -> io::Result<()> {
        if self.is_json { output::note(text) } else { output::line(text) }
    }

    /// The head of it all.
    pub fn head(&self) -> io::Result<()> {
        let title = self.paint.bold("souk devnet");
        self.line(&format!("\n  {title}  a whole market on this machine · no chain: nothing is paid\n"))
    }

    /// A step begins.
    pub fn begin(&self, text: &str) {
        let before = SPINNER.lock().map(|mut spinner| spinner.replace(progress::spinner(text)));
        if let Ok(Some(before)) = before {
            before.finish_and_clear();
        }
    }

    /// Takes the spinner away.
    pub fn clear(&self) {
        if let Ok(Some(spinner)) = SPINNER.lock().map(|mut spinner| spinner.take()) {
            spinner.finish_and_clear();
        }
    }

    /// A step is done.
    pub fn done(&self, text: &str, took_ms: u64) -> io::Result<()> {
        self.clear();
        let tick = self.paint.green("✓");
        let took = self.paint.dim(&format!("{:>9}", millis_text(took_ms)));
        self.line(&format!("  {tick} {text:TEXT_WIDTH$} {took}"))
    }

    /// A line below a step.
    pub fn detail(&self, text: &str) -> io::Result<()> {
        self.line(&format!("    {}", self.paint.dim(&output::harmless(text))))
    }

    /// The roots of all nodes, aligned.
    pub fn roots(&self, epoch: &EpochRoots) -> io::Result<()> {
        for word in &epoch.roots {
            self.line(&format!("    {:11} {}", word.name, self.paint.cyan(&word.root.to_string())))?;
        }
        let verdict =
            if epoch.are_equal { "five equal roots, each computed by its own node" } else { "the roots differ" };
        self.detail(verdict)
    }

    /// The end of the story: timeline and outputs.
    pub fn end(&self, report: &Report) -> io::Result<()> {
        self.line("")?;
        for line in timeline::bars(&report.timeline) {
            self.line(&format!("  {line}"))?;
        }
        self.line("")?;
        for file in &report.outputs {
            self.line(&format!("  {}", self.paint.bold(&file.path.display().to_string())))?;
            self.detail(&format!("{} bytes, blake3 {}", file.bytes, file.blake3))?;
        }
        Ok(())
    }

    /// What to type in another terminal while the nodes are up.
    pub fn what_next(&self, report: &Report, root: &Path) -> io::Result<()> {
        let program = std::env::current_exe().unwrap_or_else(|_| "souk".into());
        let shown = std::env::current_dir().ok().and_then(|here| program.strip_prefix(here).map(Path::to_owned).ok());
        let souk = quoted(&shown.map_or(program, |path| Path::new(".").join(path)).display().to_string());
        let data_of = |name: &str| {
            let node = report.nodes.iter().find(|node| node.name == name);
            node.map(|node| quoted(&node.data.display().to_string())).unwrap_or_default()
        };
        self.line("\n  The market stays up until Ctrl-C. In another terminal:\n")?;
        self.line(&format!("    export SOUK_DATA={}", data_of("consumer")))?;
        let mut commands = vec![
            "node status".to_string(),
            "market book".into(),
            format!("bid create --want {} --price 0.05SNM/h --for 10m --once", want_text(report)),
            "deal list".into(),
        ];
        if let Ok(files) = sample::write(&root.join("sample")) {
            let [program, scene] = [files.program, files.scene].map(|path| quoted(&path.display().to_string()));
            let names = "--arg bazaar.scene --arg bazaar.png --output bazaar.png";
            commands.push(format!("task run --program {program} --input {scene} {names} --force"));
        }
        commands.push("market watch".into());
        for command in commands {
            self.line(&format!("    {souk} {command}"))?;
        }
        self.line(&format!("\n  A supplier's side: {souk} deal list --data {}", data_of("supplier-2")))?;
        self.detail(&format!("data and logs: {}", root.display()))
    }
}

/// What the bid of this devnet wanted, as it is typed.
fn want_text(report: &Report) -> String {
    let words: Vec<_> = report.bid.capacity.iter().map(|one| format!("{}={}", one.metric, one.text)).collect();
    words.join(" --want ")
}

/// Prints a program's words line by line as they come, each behind a bar.
#[derive(Debug)]
pub struct ProgramLines {
    screen: Screen,
    harmless: Harmless,
    line: String,
}

impl ProgramLines {
    /// Nothing was printed yet.
    pub fn new(screen: Screen) -> ProgramLines {
        ProgramLines { screen, harmless: Harmless::default(), line: String::new() }
    }

    /// The next bytes.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let text = self.harmless.push(bytes);
        self.line.push_str(&text);
        while let Some(end) = self.line.find('\n') {
            let rest = self.line.split_off(end + 1);
            let line = std::mem::replace(&mut self.line, rest);
            self.print(line.trim_end_matches('\n'))?;
        }
        Ok(())
    }

    /// The last line, if it was not ended.
    pub fn finish(&mut self) -> io::Result<()> {
        self.line.push_str(&self.harmless.finish());
        let line = std::mem::take(&mut self.line);
        if line.is_empty() { Ok(()) } else { self.print(&line) }
    }

    fn print(&self, line: &str) -> io::Result<()> {
        self.screen.line(&format!("    {} {line}", self.screen.paint.dim("│")))
    }
}
