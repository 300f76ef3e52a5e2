//! Compiles and runs one program inside the child, and says how it ended. Knows no node and no folder by name.

use std::io;
use std::time::Instant;

use protocol::Outcome;
use wasmtime::{ExternType, Linker, Module, Store, Trap};
use wasmtime_wasi::I32Exit;

use crate::confine::{self, ConfineError};
use crate::engine::{STACK_MAX, engine};
use crate::frames::{Assignment, Frame, FramePipe, Report};
use crate::trap::TrapKind;
use crate::wasi::{MemoryError, PipeClosed, State, linker};

/// The function that a command module exports.
const START: &str = "_start";

/// Why no report can be given.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// The engine or the surroundings cannot be set up.
    #[error("cannot set up the engine: {0}")]
    Engine(String),
    /// The limits cannot be set.
    #[error(transparent)]
    Confine(#[from] ConfineError),
    /// Nobody listens.
    #[error(transparent)]
    Pipe(#[from] PipeClosed),
}

impl From<wasmtime::Error> for GuestError {
    fn from(error: wasmtime::Error) -> Self {
        GuestError::Engine(sentence(&error))
    }
}

impl From<io::Error> for GuestError {
    fn from(error: io::Error) -> Self {
        GuestError::Pipe(PipeClosed(error))
    }
}

/// Compiles and runs `program` in the current folder; tells `pipe` of both and of what it prints.
///
/// # Errors
/// If the sandbox failed, and not the program.
pub fn run(assignment: &Assignment, program: &[u8], mut pipe: FramePipe) -> Result<Report, GuestError> {
    confine::limit_compiling(&assignment.limits)?;
    // wasmtime's WASI wants a runtime about it; nothing is ever spawned on it.
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let _entered = runtime.enter();
    let engine = engine()?;
    let begun = Instant::now();
    let module = match Module::from_binary(&engine, program) {
        Ok(module) => module,
        Err(error) => return Ok(refused(format!("the program does not compile: {}", sentence(&error)))),
    };
    pipe.send(&Frame::Compiled(begun.elapsed().as_millis() as u64))?;
    confine::limit_running(&assignment.limits)?;
    let mut store = Store::new(&engine, State::new(assignment, pipe)?);
    store.limiter(|state| &mut state.memory_limit);
    let linker = linker(&engine)?;
    match why_refused(&mut store, &linker, &module) {
        Some(reason) => Ok(refused(reason)),
        None => execute(store, &linker, &module, assignment.limits.gas),
    }
}

/// What the module lacks or wants too much of, as a sentence.
fn why_refused(store: &mut Store<State>, linker: &Linker<State>, module: &Module) -> Option<String> {
    for import in module.imports() {
        let (space, name) = (import.module(), import.name());
        if linker.get(&mut *store, space, name).is_err() {
            return Some(format!("the program imports `{space}::{name}`, which is not offered here"));
        }
    }
    match module.get_export(START) {
        Some(ExternType::Func(start)) if start.params().len() == 0 && start.results().len() == 0 => {}
        Some(_) => return Some(format!("the program's `{START}` is no function without parameters and results")),
        None => return Some(format!("the program exports no `{START}`: only WASI command modules run here")),
    }
    linker.instantiate_pre(module).err().map(|error| sentence(&error))
}

/// Instantiates and runs the module with `gas`.
fn execute(mut store: Store<State>, linker: &Linker<State>, module: &Module, gas: u64) -> Result<Report, GuestError> {
    // A module's own start function runs while it is instantiated, so the gas is there from then on.
    store.set_fuel(gas)?;
    store.data_mut().console.send(&Frame::Started)?;
    let mut report = match linker.instantiate(&mut store, module) {
        Err(error) if is_of_the_program(&error) => ended(error, store.data())?,
        // Not the program's doing but its form: the first memory or a table is too large, or there are too many.
        Err(_) if store.data().memory_limit.has_refused => out_of_memory("the program begins with more memory"),
        Err(error) => refused(format!("the program cannot be set up: {}", sentence(&error))),
        Ok(instance) => {
            let start = instance.get_typed_func::<(), ()>(&mut store, START)?;
            match start.call(&mut store, ()) {
                Ok(()) => exited(0),
                Err(error) => ended(error, store.data())?,
            }
        }
    };
    report.gas = gas.saturating_sub(store.get_fuel()?);
    report.detail += &store.data().console.dropped();
    Ok(report)
}

/// Whether an error of instantiating comes from code that ran.
fn is_of_the_program(error: &wasmtime::Error) -> bool {
    error.is::<Trap>() || error.is::<I32Exit>() || error.is::<MemoryError>() || error.is::<PipeClosed>()
}

/// What the end of a running program was.
fn ended(error: wasmtime::Error, state: &State) -> Result<Report, GuestError> {
    let error = match error.downcast::<PipeClosed>() {
        Ok(closed) => return Err(closed.into()),
        Err(error) => error,
    };
    if let Some(I32Exit(status)) = error.downcast_ref() {
        return Ok(exited(status.cast_unsigned()));
    }
    let kind = match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return Ok(Report::plain(Outcome::OutOfGas, "the gas limit was reached")),
        Some(Trap::StackOverflow) => {
            let detail = format!("the call stack overflowed: it holds {STACK_MAX} bytes");
            return Ok(Report::plain(Outcome::StackOverflow, detail));
        }
        _ if state.memory_limit.has_refused => {
            return Ok(out_of_memory("the program trapped after it had asked for more memory"));
        }
        Some(trap) => TrapKind::of(*trap).unwrap_or(TrapKind::Other),
        None => TrapKind::HostCall,
    };
    let cause = error.root_cause().to_string();
    let detail = format!("the program trapped: {}", cause.strip_prefix("wasm trap: ").unwrap_or(&cause));
    Ok(Report { code: kind.code(), ..Report::plain(Outcome::Trapped, detail) })
}

fn exited(status: u32) -> Report {
    Report { code: status, ..Report::plain(Outcome::Exited, format!("the program exited with status {status}")) }
}

fn refused(detail: String) -> Report {
    Report::plain(Outcome::Refused, detail)
}

fn out_of_memory(what: &str) -> Report {
    Report::plain(Outcome::OutOfMemory, format!("{what} than its limit allows"))
}

/// An error of the engine with all its causes, in one line.
fn sentence(error: &wasmtime::Error) -> String {
    format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ")
}
