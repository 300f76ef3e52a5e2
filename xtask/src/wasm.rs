//! The chore `wasm`: builds the C examples, and tells whether a committed program is what its source builds.
//! A built program carries a section that names its source and its compiler. Knows clang, nothing of what runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::scratch::Scratch;

const TARGET: &str = "wasm32-wasi";
const FLAGS_MARK: &str = "// build:";
const SECTION_NAME: &str = "souk.source";

/// One `examples/<name>/<name>.c`, built to `<name>.wasm` beside it.
struct Example {
    name: String,
    folder: PathBuf,
}

impl Example {
    fn source(&self) -> PathBuf {
        self.folder.join(format!("{}.c", self.name))
    }

    fn program(&self) -> PathBuf {
        self.folder.join(format!("{}.wasm", self.name))
    }
}

/// Builds every example into its place.
pub fn build_all(root: &Path) -> Result<(), String> {
    for example in examples(root)? {
        let program = build(&example)?;
        fs::write(example.program(), &program).map_err(|error| failed(&example.program(), &error))?;
        println!("wasm: {}, {} bytes", example.program().display(), program.len());
    }
    Ok(())
}

/// Compares every committed program with what its source builds; the error says which to refresh, and how.
pub fn check_all(root: &Path) -> Result<(), String> {
    let mut stale = Vec::new();
    for example in examples(root)? {
        let path = example.program().display().to_string();
        let committed = fs::read(example.program()).unwrap_or_default();
        match judge(&committed, &build(&example)?) {
            Verdict::Same => println!("wasm: {path} is what its source builds"),
            Verdict::SameSource => println!("wasm: {path} has this source, but another compiler: bytes not compared"),
            Verdict::Stale => stale.push(path),
        }
    }
    match stale.is_empty() {
        true => Ok(()),
        false => Err(format!("not what their sources build: {}\nrefresh with: cargo xtask wasm", stale.join(", "))),
    }
}

/// Compiles `<name>.c` of `folder` to `program`. Paths are relative to the folder, so that none gets into the bytes.
pub fn compile(folder: &Path, name: &str, flags: &[&str], program: &Path) -> Result<(), String> {
    let mut command = Command::new("clang");
    command.arg(format!("--target={TARGET}")).args(flags).arg("-s").arg("-o").arg(program).arg(format!("{name}.c"));
    let output = command.current_dir(folder).stdin(Stdio::null()).output().map_err(no_clang)?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{name}.c does not compile:\n{}", String::from_utf8_lossy(&output.stderr))),
    }
}

fn no_clang(error: std::io::Error) -> String {
    format!("clang did not start ({error}); `cargo xtask test` installs what builds the examples")
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn examples(root: &Path) -> Result<Vec<Example>, String> {
    let folder = root.join("examples");
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&folder).map_err(|error| failed(&folder, &error))?.flatten();
    let all = entries.map(|entry| Example { name: entry.file_name().to_string_lossy().into(), folder: entry.path() });
    let mut found: Vec<Example> = all.filter(|example| example.source().is_file()).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn build(example: &Example) -> Result<Vec<u8>, String> {
    let source = fs::read_to_string(example.source()).map_err(|error| failed(&example.source(), &error))?;
    let flags = flags(&source)
        .ok_or_else(|| format!("{}: say how it is built, in a line `{FLAGS_MARK} -O3`", example.source().display()))?;
    let scratch = Scratch::new()?;
    let path = scratch.path().join("program.wasm");
    compile(&example.folder, &example.name, &flags, &path)?;
    let mut program = fs::read(&path).map_err(|error| failed(&path, &error))?;
    program.extend(section(&format!("{:016x}\n{}", fingerprint(source.as_bytes()), compiler()?)));
    Ok(program)
}

fn flags(source: &str) -> Option<Vec<&str>> {
    source.lines().find_map(|line| line.strip_prefix(FLAGS_MARK)).map(|rest| rest.split_whitespace().collect())
}

fn compiler() -> Result<String, String> {
    let output = Command::new("clang").arg("--version").stdin(Stdio::null()).output().map_err(no_clang)?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_string())
}

/// FNV-1a, 64 bits: tells an edited source from the one that was built; no defence against forgery.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A custom section (WebAssembly core specification, 5.5.3), which every engine skips.
fn section(text: &str) -> Vec<u8> {
    let length = 1 + SECTION_NAME.len() + text.len();
    assert!(length < 1 << 14, "a section of two length bytes");
    let mut bytes = vec![0, (length & 0x7f) as u8 | 0x80, (length >> 7) as u8, SECTION_NAME.len() as u8];
    bytes.extend(SECTION_NAME.bytes().chain(text.bytes()));
    bytes
}

/// Source and compiler, from the section that `build` put last.
fn origin(program: &[u8]) -> Option<(&str, &str)> {
    let at = program.windows(SECTION_NAME.len()).rposition(|part| part == SECTION_NAME.as_bytes())?;
    std::str::from_utf8(&program[at + SECTION_NAME.len()..]).ok()?.split_once('\n')
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Same,
    /// Built from this source by another compiler, whose bytes this one cannot reproduce.
    SameSource,
    Stale,
}

fn judge(committed: &[u8], built: &[u8]) -> Verdict {
    match (origin(committed), origin(built)) {
        _ if committed == built => Verdict::Same,
        (Some((source, theirs)), Some((ours_source, ours))) if source == ours_source && theirs != ours => {
            Verdict::SameSource
        }
        _ => Verdict::Stale,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_wasm_is_what_its_source_builds() {
        if let Err(reason) = check_all(&crate::chores::root()) {
            panic!("{reason}");
        }
    }

    #[test]
    fn a_program_is_stale_when_its_source_or_its_bytes_changed() {
        let program = |code: &str, origin: &str| [code.as_bytes(), &section(origin)].concat();
        let committed = program("code", "01\nclang 14");
        for (built, verdict) in [
            (program("code", "01\nclang 14"), Verdict::Same),
            (program("other", "01\nclang 14"), Verdict::Stale),
            (program("code", "02\nclang 14"), Verdict::Stale),
            (program("other", "01\nclang 19"), Verdict::SameSource),
            (program("other", "02\nclang 19"), Verdict::Stale),
        ] {
            assert_eq!(judge(&committed, &built), verdict);
        }
        assert_eq!(judge(b"", &committed), Verdict::Stale);
        assert_eq!(judge(b"code", &committed), Verdict::Stale);
    }

    #[test]
    fn an_example_is_found_built_and_seen_to_change() {
        let scratch = Scratch::new().unwrap();
        let folder = scratch.path().join("examples/two");
        fs::create_dir_all(&folder).unwrap();
        assert_eq!(check_all(scratch.path()), Ok(()));
        fs::write(folder.join("two.c"), "int main(void) { return 2; }\n").unwrap();
        assert!(build_all(scratch.path()).unwrap_err().contains(FLAGS_MARK));
        fs::write(folder.join("two.c"), "// build: -O3 -msimd128\nint main(void) { return 2; }\n").unwrap();
        assert!(check_all(scratch.path()).unwrap_err().contains("cargo xtask wasm"));
        build_all(scratch.path()).unwrap();
        assert_eq!(check_all(scratch.path()), Ok(()));
        fs::write(folder.join("two.c"), "// build: -O3 -msimd128\nint main(void) { return 3; }\n").unwrap();
        assert!(check_all(scratch.path()).unwrap_err().contains("two.wasm"));
    }

    #[test]
    fn the_fingerprint_is_fnv_1a() {
        assert_eq!((fingerprint(b""), fingerprint(b"a")), (0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c));
    }
}
