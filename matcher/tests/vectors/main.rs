//! Examples of clearing for every implementation, `protocol/vectors/clearing.json`: made from the books here, cleared again
//! from the file alone, and verified.
#![allow(clippy::unwrap_used)]

mod books;
mod case;
mod file;
mod people;
mod random;

#[test]
fn a_second_implementation_agrees_with_every_example() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol/vectors/check_clearing.py");
    let said =
        std::process::Command::new("python3").arg(script).output().expect("python3: `cargo xtask test` installs it");
    assert!(
        said.status.success(),
        "{}{}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    );
}
