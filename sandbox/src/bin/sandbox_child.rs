//! The sandbox's child as a program of its own, for tests; `souk` has the same under a hidden subcommand.

fn main() {
    std::process::exit(sandbox::child_main());
}
