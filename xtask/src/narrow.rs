//! The chore `narrow`: clearing's tables and oracles on a 32-bit machine, where every root must be the same. Debian's own
//! compiler and 32-bit C library are unpacked in a folder of their own, so the machine's toolchain stays as it is.

use std::fs;
use std::path::{Path, PathBuf};

use crate::fuzz::target_folder;
use crate::stage::{run_program, run_quietly};

const TARGET: &str = "i686-unknown-linux-gnu";
/// The compiler, the sources of its standard library, which is built for the other machine, and what C needs there.
const PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "gcc-multilib"];
/// What runs there: everything but what needs the solver, or is about time.
const TESTS: [&str; 4] = ["roots", "small", "truth", "adversary"];

/// Unpacks what is missing, then builds and runs the tests.
pub fn run(root: &Path) -> Result<(), String> {
    let folder = target_folder(root).join("narrow");
    let tools = Tools { system: folder.join("system"), linker: folder.join("cc") };
    if !tools.system.join("usr/bin/rustc").exists() {
        tools.unpack(root, &folder.join("packages"))?;
    }
    let system = tools.system.display();
    let mut words = vec!["env".to_string()];
    words.extend([
        format!("LD_LIBRARY_PATH={system}/usr/lib/x86_64-linux-gnu"),
        format!("RUSTC={system}/usr/bin/rustc"),
        // The standard library is built from its sources, which a stable compiler does only when told so.
        "RUSTC_BOOTSTRAP=1".into(),
        format!("CC_i686_unknown_linux_gnu={}", tools.linker.display()),
        format!("CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER={}", tools.linker.display()),
        format!("CARGO_TARGET_DIR={}", folder.join("target").display()),
    ]);
    if tools.system.join("lib32").exists() {
        let runner = format!("{system}/lib32/ld-linux.so.2 --library-path {system}/lib32:{system}/usr/lib32");
        words.push(format!("CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_RUNNER={runner}"));
    }
    let line = format!("cargo test -p matcher --release --test clearing --target {TARGET}");
    words.extend(line.split(' ').map(String::from));
    words.push("-Zbuild-std=std,panic_unwind,test".into());
    words.push("--".into());
    words.extend(TESTS.map(String::from));
    run_program(root, &words)
}

struct Tools {
    /// Where packages are unpacked, as if it were the root of a machine.
    system: PathBuf,
    /// A C compiler and linker for the other machine.
    linker: PathBuf,
}

impl Tools {
    fn unpack(&self, root: &Path, packages: &Path) -> Result<(), String> {
        println!("unpacks: {} in {}", PACKAGES.join(", "), self.system.display());
        let failed = |error: std::io::Error| format!("{}: {error}", packages.display());
        fs::create_dir_all(packages.join("partial")).map_err(failed)?;
        let fetch = format!(
            "apt-get --yes --no-install-recommends --download-only -o Dir::Cache::archives={} install",
            packages.display()
        );
        let words: Vec<String> = fetch.split(' ').chain(PACKAGES).map(String::from).collect();
        run_quietly(root, &["apt-get", "update"].map(String::from))?;
        run_quietly(root, &words).map_err(|reason| format!("{reason}; this chore needs Debian and root"))?;
        // Unpacked beside the place and moved there last, so that what is there is whole.
        let unpacked = packages.join("unpacked");
        for entry in fs::read_dir(packages).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                let (from, to) = (path.to_string_lossy().into_owned(), unpacked.to_string_lossy().into_owned());
                run_program(root, &["dpkg".into(), "-x".into(), from, to])?;
            }
        }
        let loader = unpacked.join("lib/ld-linux.so.2");
        if fs::symlink_metadata(&loader).is_ok() {
            fs::remove_file(&loader).map_err(failed)?;
            std::os::unix::fs::symlink("../lib32/ld-linux.so.2", &loader).map_err(failed)?;
        }
        fs::write(&self.linker, script(&self.system, unpacked.join("lib32").exists())).map_err(failed)?;
        run_program(root, &["chmod".into(), "+x".into(), self.linker.to_string_lossy().into_owned()])?;
        fs::rename(unpacked, &self.system).map_err(failed)
    }
}

/// A C compiler for the other machine; where its library `is_apart` from this machine's, it is told where.
fn script(system: &Path, is_apart: bool) -> String {
    if !is_apart {
        return "#!/bin/sh\nexec gcc -m32 \"$@\"\n".into();
    }
    let system = system.display();
    format!(
        "#!/bin/sh\nroot={system}\nparts=\"$root/usr/lib/gcc/x86_64-linux-gnu/$(gcc -dumpversion)/32 $root/usr/lib32\"\n\
         for part in $parts; do set -- -B$part -L$part \"$@\"; done\n\
         exec gcc -m32 -Wl,--sysroot=$root -L$root/lib32 -isystem $root/usr/include \\\n    \
         -isystem $root/usr/include/x86_64-linux-gnu -idirafter /usr/include/x86_64-linux-gnu \"$@\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_stands_apart_is_named_to_the_linker() {
        let apart = script(Path::new("/somewhere"), true);
        assert!(apart.contains("root=/somewhere\n") && apart.contains("--sysroot=$root"));
        assert!(!script(Path::new("/somewhere"), false).contains("sysroot"));
    }
}
