//! The child process from its first instruction to its last frame. Knows the node only as two pipes.

use std::any::Any;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::thread;

use protocol::Outcome;
use protocol::task::PROGRAM_MAX;

use crate::confine::{self, ConfineError};
use crate::frames::{ASSIGNMENT_MAX, Assignment, Frame, FramePipe, Report, read_message};
use crate::guest::{self, GuestError};

/// Bytes of the stack on which a program is compiled and run: its own and as much again for the host, several times.
const THREAD_STACK: usize = 16 << 20;

/// Why the child gives up.
#[derive(Debug, thiserror::Error)]
enum ChildError {
    #[error(transparent)]
    Confine(#[from] ConfineError),
    #[error(transparent)]
    Guest(#[from] GuestError),
    #[error("cannot read the assignment: {0}")]
    Assignment(io::Error),
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    #[error("it panicked: {0}")]
    Panic(String),
}

/// Runs as the child of a sandbox: reads one assignment and its program from standard input, runs it in the current
/// folder, writes frames to standard output. Returns the exit status for `main`, which must not have started a thread
/// before and must do nothing else.
pub fn child_main() -> i32 {
    let Ok(mut pipe) =
        io::stdout().as_fd().try_clone_to_owned().map(|descriptor| FramePipe::new(File::from(descriptor)))
    else {
        return 1;
    };
    let report = serve(&pipe).unwrap_or_else(|error| Report::plain(Outcome::SandboxFailed, sentence(&error)));
    i32::from(pipe.send(&Frame::Finished(report)).is_err())
}

fn serve(pipe: &FramePipe) -> Result<Report, ChildError> {
    confine::harden()?;
    let mut input = io::stdin().lock();
    let assignment: Assignment = read_message(&mut input, ASSIGNMENT_MAX).map_err(ChildError::Assignment)?;
    confine::check_parent(assignment.parent)?;
    let program = read_program(&mut input, assignment.program_size).map_err(ChildError::Assignment)?;
    let pipe = pipe.try_clone().map_err(ChildError::Thread)?;
    let thread = thread::Builder::new().name(String::from("guest")).stack_size(THREAD_STACK);
    let guest = thread.spawn(move || guest::run(&assignment, &program, pipe)).map_err(ChildError::Thread)?;
    Ok(guest.join().map_err(|panic| ChildError::Panic(panic_text(panic.as_ref())))??)
}

fn read_program(input: &mut impl Read, size: u64) -> io::Result<Vec<u8>> {
    if size > PROGRAM_MAX {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    let mut program = Vec::with_capacity(size as usize);
    match input.take(size).read_to_end(&mut program)? as u64 == size {
        true => Ok(program),
        false => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
    }
}

fn sentence(error: &ChildError) -> String {
    format!("the sandbox failed: {error}")
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| String::from("without a message"))
}
