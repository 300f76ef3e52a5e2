//! What the build needs of the machine, and how it gets there: Debian packages and parts of the Rust toolchain.
//! Says what it installs before it does; installs nothing that works already.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::scratch::Scratch;
use crate::stage::run_program;
use crate::wasm;

/// Something that the build needs, with the Debian packages that bring it.
struct Need {
    what: &'static str,
    packages: &'static [&'static str],
    is_met: fn() -> bool,
}

const NEEDS: [Need; 6] = [
    Need { what: "a C compiler, for libsecp256k1", packages: &["gcc", "libc6-dev"], is_met: compiles_c },
    Need { what: "a C++ compiler, for the engine of the fuzz targets", packages: &["g++"], is_met: compiles_cpp },
    Need {
        what: "a C compiler for WebAssembly, for the examples",
        packages: &["clang", "lld", "wasi-libc", "libclang-rt-dev-wasm32"],
        is_met: compiles_wasm,
    },
    Need {
        what: "Python with pip, which downloads the programs that tests run",
        packages: &["python3", "python3-pip"],
        is_met: downloads,
    },
    Need {
        what: "Python with virtual environments, for the solver that clearing is compared with",
        packages: &["python3", "python3-venv"],
        is_met: makes_environments,
    },
    Need {
        what: "root, network namespaces and their tools, for the tests of a parted network and of routers",
        packages: &["iproute2", "ethtool", "nftables"],
        is_met: makes_networks,
    },
];
const COMPONENTS: [&str; 2] = ["rustfmt", "clippy"];
const PROBE: &str = "#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }\n";

/// Makes sure that everything is there, or says what a person must install.
pub fn provide(root: &Path) -> Result<(), String> {
    for component in COMPONENTS {
        provide_component(root, component)?;
    }
    let unmet: Vec<&Need> = NEEDS.iter().filter(|need| !(need.is_met)()).collect();
    if unmet.is_empty() {
        println!("nothing to install");
        return Ok(());
    }
    let missing: Vec<&str> =
        unmet.iter().flat_map(|need| need.packages).copied().filter(|one| !is_there(one)).collect();
    for need in &unmet {
        println!("missing: {}", need.what);
    }
    for command in plan(&missing, rights())? {
        println!("installs: {}", command.join(" "));
        run_program(root, &command)?;
    }
    match unmet.iter().find(|need| !(need.is_met)()) {
        Some(need) => Err(format!("{} still does not work; it needs: {}", need.what, need.packages.join(" "))),
        None => Ok(()),
    }
}

/// How this process may install packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rights {
    Root,
    Sudo,
    None,
}

/// The commands that install `missing`; an error that says what to install where this process may not.
fn plan(missing: &[&str], rights: Rights) -> Result<Vec<Vec<String>>, String> {
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let prefix = match rights {
        Rights::Root => "env",
        Rights::Sudo => "sudo -n env",
        Rights::None => return Err(format!("as root, run: apt-get install {}", missing.join(" "))),
    };
    let start = format!("{prefix} DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120");
    let lines =
        [format!("{start} update"), format!("{start} install --yes --no-install-recommends {}", missing.join(" "))];
    Ok(lines.map(|line| line.split(' ').map(String::from).collect()).to_vec())
}

fn rights() -> Rights {
    if !succeeds("apt-get", &["--version"]) {
        return Rights::None;
    }
    let id = Command::new("id").arg("-u").stdin(Stdio::null()).output();
    match id.is_ok_and(|output| output.stdout == b"0\n") {
        true => Rights::Root,
        false if succeeds("sudo", &["-n", "true"]) => Rights::Sudo,
        false => Rights::None,
    }
}

fn provide_component(root: &Path, component: &str) -> Result<(), String> {
    let subcommand = component.trim_start_matches("rust");
    if succeeds("cargo", &[subcommand, "--version"]) {
        return Ok(());
    }
    println!("installs: {component}, a part of the Rust toolchain");
    let words = ["rustup", "component", "add", component].map(String::from);
    run_program(root, &words).map_err(|reason| format!("cargo {subcommand} is missing, and {reason}"))
}

fn is_there(package: &str) -> bool {
    let query = Command::new("dpkg-query").args(["-W", "-f=${Status}", package]).stdin(Stdio::null()).output();
    query.is_ok_and(|output| output.stdout == b"install ok installed")
}

fn compiles_c() -> bool {
    compiles(|folder| succeeds_in(folder, "cc", &["-o", "probe", "probe.c"]))
}

fn compiles_cpp() -> bool {
    compiles(|folder| succeeds_in(folder, "c++", &["-x", "c++", "-include", "vector", "-o", "probe", "probe.c"]))
}

fn downloads() -> bool {
    succeeds("python3", &["-m", "pip", "--version"])
}

fn makes_environments() -> bool {
    succeeds("python3", &["-c", "import venv, ensurepip"])
}

/// Whether a namespace with a pair of links can be made, and the links told to leave nothing to a network card.
fn makes_networks() -> bool {
    let name = format!("souk-xtask-{}", std::process::id());
    let is_made = succeeds("ip", &["netns", "add", &name]);
    let is_linked = is_made
        && succeeds("ip", &["-n", &name, "link", "add", "here", "type", "veth", "peer", "name", "there"])
        && succeeds("ip", &["netns", "exec", &name, "ethtool", "-K", "here", "tx", "off", "gso", "off"])
        && succeeds("ip", &["netns", "exec", &name, "nft", "add", "table", "ip", "probe"]);
    is_made && succeeds("ip", &["netns", "delete", &name]) && is_linked
}

fn compiles_wasm() -> bool {
    compiles(|folder| wasm::compile(folder, "probe", &[], &folder.join("probe.wasm")).is_ok())
}

fn compiles(compile: impl Fn(&Path) -> bool) -> bool {
    let Ok(scratch) = Scratch::new() else { return false };
    std::fs::write(scratch.path().join("probe.c"), PROBE).is_ok() && compile(scratch.path())
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    succeeds_in(Path::new("."), program, arguments)
}

fn succeeds_in(folder: &Path, program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).current_dir(folder).stdin(Stdio::null()).output();
    output.is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_missing_needs_no_rights_and_no_commands() {
        assert_eq!(plan(&[], Rights::None), Ok(Vec::new()));
    }

    #[test]
    fn root_installs_what_is_missing_without_being_asked() {
        let commands = plan(&["clang", "lld"], Rights::Root).unwrap();
        let lines: Vec<String> = commands.iter().map(|words| words.join(" ")).collect();
        let start = "env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120";
        let install = format!("{start} install --yes --no-install-recommends clang lld");
        assert_eq!(lines, [format!("{start} update"), install]);
        assert!(plan(&["clang"], Rights::Sudo).unwrap()[0].starts_with(&["sudo".into(), "-n".into()]));
    }

    #[test]
    fn who_may_not_install_is_told_what_to_install() {
        let told = plan(&["clang", "lld"], Rights::None).unwrap_err();
        assert_eq!(told, "as root, run: apt-get install clang lld");
    }
}
