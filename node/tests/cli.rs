//! What people type wrong, through the real binary: every case has an exit code, a stable code, a sentence and the next
//! step, in text and in JSON alike, and none ends in a panic.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use expect_test::{ExpectFile, expect, expect_file};
use serde_json::Value;
use tempfile::TempDir;

/// A folder to type in, with a few files that are not what they should be.
struct Desk(TempDir);

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        write("module.wasm", b"\0asm\x01\0\0\0");
        write("component.wasm", b"\0asm\x0d\0\x01\0");
        write("notes.txt", b"not a program\n");
        write("empty", b"");
        write("pass", b"open sesame\n");
        write("taken.png", b"mine");
        fs::create_dir(folder.path().join("folder")).unwrap();
        Desk(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn souk(&self, arguments: &[&str], stdin: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_souk"));
        command.args(arguments).current_dir(self.path()).env_clear().env("HOME", self.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Whoever does not read its stdin may have closed it already.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Must succeed.
    fn ok(&self, arguments: &[&str], stdin: &str) -> String {
        let output = self.souk(arguments, stdin);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs every line, in text and in JSON, and shows what they say.
    fn check(&self, lines: &[&str], expected: &ExpectFile) {
        let shown: Vec<_> = lines.iter().map(|line| self.refused(line)).collect();
        expected.assert_eq(&shown.concat());
    }

    fn refused(&self, line: &str) -> String {
        let (line, stdin) = line.split_once(" <<< ").unwrap_or((line, ""));
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        let json = self.souk(&[&["--json"], &words[..]].concat(), stdin);
        let text = self.souk(&words, stdin);
        let [out, err] = [&text.stdout, &text.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        assert!(!err.contains("panicked"), "{line}: {err}");
        assert_eq!(out, "", "{line}: an error does not go to stdout");
        assert_eq!(json.status.code(), text.status.code(), "{line}");
        let document: Value = serde_json::from_slice(&json.stdout).unwrap();
        let word = |name: &str| document["error"][name].as_str().unwrap_or_default().to_string();
        let (code, message, next) = (word("code"), word("message"), word("next"));
        assert!(!code.is_empty() && !message.is_empty() && !next.is_empty(), "{line}: {document:#}");
        let last = err.trim_end().lines().last().unwrap_or_default();
        assert!(err.contains(&format!("error[{code}]: {message}\n")), "{line}: {err}");
        assert_eq!(last, format!("  next: {next}"), "{line}");
        let exit = text.status.code().unwrap_or(-1);
        let text = format!("$ souk {line}\n{exit} {code}: {message}\n  {next}\n");
        text.replace(&self.path().display().to_string(), "~")
    }
}

#[test]
fn a_command_line_that_cannot_be_parsed_is_the_users_error() {
    Desk::new().check(
        &[
            "",
            "bazaar",
            "ask",
            "ask sell",
            "ask create --pirce 1SNM/h",
            "ask create",
            "ask create --price 1SNM/h --lots 0",
            "ask create --price 1SNM/h --lots many",
            "ask cancel",
            "ask cancel 0x12 --all",
            "ask explain",
            "bid explain 0x12 --epoch last",
            "bid create --price 1SNM/h --for 10m",
            "deal show",
            "market epoch last",
            "market init --name m --chain mainnet",
            "bench --share 0",
            "bench --share 101",
            "task run",
            "task run --program module.wasm --detach --to folder",
            "task logs 0x12 --stream stdin",
            "devnet --arg x",
            "completions csh",
            "key new --passphrase-file pass --insecure-unencrypted",
        ],
        &expect_file!["cli/usage.txt"],
    );
}

#[test]
fn a_wrong_figure_says_which_would_do() {
    Desk::new().check(
        &[
            "bid create --price 1SNM/h --for 10m --want mem.size",
            "bid create --price 1SNM/h --for 10m --want mem.size=2GB",
            "bid create --price 1SNM/h --for 10m --want mem.size=0GiB",
            "bid create --price 1SNM/h --for 10m --want mem.size=much",
            "bid create --price 1SNM/h --for 10m --want cpu.hash=30Mhash/h",
            "bid create --price 1SNM/h --for 10m --want cpu.hash=99999999999999999999Thash/s",
            "bid create --price 1SNM/h --for 10m --want cpu.speed=3",
            "bid create --price 1SNM/h --for 10m --want cpu.threads=1 --want cpu.threads=2",
            "bid create --price 0SNM/h --for 10m --want cpu.threads=1",
            "bid create --price 1wei/h --for 10m --want cpu.threads=1",
            "bid create --price 999999999999999999999999SNM/s --for 10m --want cpu.threads=1",
            "bid create --price cheap --for 10m --want cpu.threads=1",
            "bid create --price 1SNM/h --for 0m --want cpu.threads=1",
            "bid create --price 1SNM/h --for 10 --want cpu.threads=1",
            "bid create --price 1SNM/h --for 40d --want cpu.threads=1",
            "bid create --price 1SNM/h --for 10m --at-least 20m --want cpu.threads=1",
            "ask create --price 1SNM/h --from 2h --to 1h",
            "ask create --price 1SNM/h --min-billed soon",
            "ask create --price 1SNM/h --life 5000000000s",
            "ask create --price 1SNM/h --only 0x12",
            "ask create --price 1SNM/h --except 0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "bench --time 0s",
            "task run --program module.wasm --memory 64MB",
            "task run --program module.wasm --time 30",
            "devnet --want cpu.speed=3",
            "devnet --for 0m",
        ],
        &expect_file!["cli/figures.txt"],
    );
}

#[test]
fn a_wrong_file_is_named_before_anything_runs() {
    Desk::new().check(
        &[
            "task run --program nowhere.wasm",
            "task run --program folder",
            "task run --program empty",
            "task run --program notes.txt",
            "task run --program component.wasm",
            "task run --program module.wasm --input nowhere",
            "task run --program module.wasm --input ../up=notes.txt",
            "task run --program module.wasm --input notes.txt --output notes.txt",
            "task run --program module.wasm --output /etc/passwd",
            "task run --program module.wasm --output taken.png",
            "task run --program module.wasm --env NAME",
            "devnet --program notes.txt",
            "devnet --program module.wasm --input nowhere",
            "market join nowhere.toml",
            "market join notes.txt",
            "market init --name m --to taken.png",
            "market init --name m --epoch-ms 5",
            "market init --name m --bootstrap 127.0.0.1:4001",
            "node run --market nowhere.toml",
        ],
        &expect_file!["cli/files.txt"],
    );
}

#[test]
fn a_key_is_never_lost_or_opened_by_guessing() {
    let desk = Desk::new();
    let secret = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    let address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    let imported = desk.ok(&["key", "import", "--data", "locked", "--passphrase-file", "pass"], secret);
    assert!(imported.starts_with(address));
    fs::write(desk.path().join("wrong"), "open barley\n").unwrap();
    desk.check(
        &[
            "key show",
            "key export",
            "node run",
            "key new",
            "key new --passphrase-file nowhere",
            "key new --passphrase-file empty",
            "key import notes.txt",
            "key import nowhere",
            "key import <<< 1234",
            "key new --insecure-unencrypted --data locked",
            "key import --data locked <<< 1234",
            "key export --insecure-unencrypted --data locked --passphrase-file wrong",
            "key export --insecure-unencrypted --data locked",
            "key export --data locked --to taken.png",
            "node run --data locked",
            "node run --data locked --passphrase-file wrong --api 127.0.0.1:0 --no-mdns",
            "node run --data locked --api 0.0.0.0:7625",
            "node run --data locked --api localhost",
            "node run --data locked --listen 127.0.0.1:4001",
            "node run --data locked --bootstrap example.org",
        ],
        &expect_file!["cli/keys.txt"],
    );
    let shown = desk.ok(&["key", "show", "--data", "locked"], "");
    assert!(shown.starts_with(address), "no passphrase is needed to show the address: {shown}");
    let hex =
        desk.ok(&["key", "export", "--insecure-unencrypted", "--data", "locked", "--passphrase-file", "pass"], "");
    assert_eq!(hex.trim().trim_start_matches("0x"), secret);
    assert_eq!(fs::read(desk.path().join("taken.png")).unwrap(), b"mine");
}

#[test]
fn a_delegation_is_made_and_adopted_only_where_it_holds() {
    let desk = Desk::new();
    let market = ["market", "init", "--name", "m", "--to", "m.toml"];
    desk.ok(&market, "");
    desk.ok(&["market", "init", "--name", "other", "--to", "other.toml"], "");
    let secret = |digit: &str| digit.repeat(64);
    desk.ok(&["key", "import", "--data", "cold", "--insecure-unencrypted"], &secret("1"));
    desk.ok(&["key", "import", "--data", "hot", "--insecure-unencrypted"], &secret("2"));
    let address = |data: &str| desk.ok(&["key", "show", "--data", data], "").lines().next().unwrap().to_owned();
    let (cold, hot) = (address("cold"), address("hot"));
    let grant = ["key", "delegate", "--data", "cold", "--market", "m.toml", "--to", &hot];
    fs::write(desk.path().join("grant.json"), desk.ok(&grant, "")).unwrap();
    let changed = fs::read_to_string(desk.path().join("grant.json")).unwrap().replace("255", "127");
    fs::write(desk.path().join("changed.json"), changed).unwrap();
    desk.check(
        &[
            "key delegate",
            "key delegate --to 0x12 --market m.toml",
            "key delegate --to 0x1563915e194D8CfBA1943570603F7606A3115508 --market m.toml",
            "key delegate --to 0x1563915e194D8CfBA1943570603F7606A3115508 --data cold",
            "key delegate --to 0x1563915e194D8CfBA1943570603F7606A3115508 --data cold --market m.toml --scope ask,sell",
            "key delegate --to 0x1563915e194D8CfBA1943570603F7606A3115508 --data cold --market m.toml --for ever",
            "key delegate --to 0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A --data cold --market m.toml",
            "key delegate --to 0x1563915e194D8CfBA1943570603F7606A3115508 --data cold --market m.toml --out taken.png",
            "key adopt",
            "key adopt grant.json",
            "key adopt nowhere.json --data hot --market m.toml",
            "key adopt notes.txt --data hot --market m.toml",
            "key adopt grant.json --data cold --market m.toml",
            "key adopt changed.json --data hot --market m.toml",
            "key adopt grant.json --own --data hot",
            "market submit",
            "market submit notes.txt",
            "market submit nowhere.json",
            "ask create --price 1SNM/h --count 0",
            "ask create --price 1SNM/h --count 65",
        ],
        &expect_file!["cli/owners.txt"],
    );
    assert!(
        desk.refused("key adopt grant.json --data hot --market other.toml").contains(" delegation_of_other_market: ")
    );
    let adopt = ["key", "adopt", "grant.json", "--data", "hot", "--market", "m.toml"];
    assert!(desk.ok(&adopt, "").starts_with(&format!("{hot} trades for {cold}, 29 days more (all)")));
    assert!(desk.ok(&["key", "show", "--data", "hot"], "").contains(&format!("trades for {cold}, 29 days more (all)")));
    let short = [&grant[..], &["--for", "5h", "--scope", "ask,cancel"]].concat();
    fs::write(desk.path().join("grant.json"), desk.ok(&short, "")).unwrap();
    let output = desk.souk(&adopt, "");
    assert!(String::from_utf8_lossy(&output.stdout).contains("(ask,cancel)"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("warning: the delegation has less than a day left"));
    let own = ["key", "adopt", "--own", "--data", "hot", "--market", "m.toml"];
    assert_eq!(desk.ok(&own, ""), format!("{hot} trades in its own name\n"));
    assert_eq!(desk.ok(&["key", "show", "--data", "hot"], "").lines().count(), 2);
}

#[test]
fn a_command_without_a_node_says_how_to_start_one() {
    let desk = Desk::new();
    desk.ok(&["key", "new", "--insecure-unencrypted", "--data", "gone"], "");
    // A port of this machine that nobody listens on: it was free a moment ago and is not given out again so soon.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    fs::write(desk.path().join("gone/api.addr"), format!("127.0.0.1:{port}\n")).unwrap();
    fs::write(desk.path().join("gone/api.token"), "ab".repeat(32)).unwrap();
    fs::create_dir(desk.path().join("odd")).unwrap();
    fs::write(desk.path().join("odd/api.addr"), "127.0.0.1:1").unwrap();
    fs::write(desk.path().join("odd/api.token"), "secret").unwrap();
    desk.check(
        &[
            "node status",
            "ask create --price 1SNM/h",
            "task run --program module.wasm",
            "deal show nonsense",
            "node peers --data odd",
            "node peers --data notes.txt/deeper",
        ],
        &expect_file!["cli/without_node.txt"],
    );
    let gone = desk.refused("market watch --data gone").replace(&port.to_string(), "PORT");
    expect![[r#"
        $ souk market watch --data gone
        1 node_not_running: no node answers at http://127.0.0.1:PORT
          souk node run --data gone
    "#]]
    .assert_eq(&gone);
}

/// Answers every connection with `answer` and hangs up.
fn answering(desk: &Desk, data: &str, answer: &'static str) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let folder = desk.path().join(data);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("api.addr"), address.to_string()).unwrap();
    fs::write(folder.join("api.token"), "ab".repeat(32)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            while !request.windows(4).any(|four| four == b"\r\n\r\n") {
                match stream.read(&mut piece) {
                    Ok(count) if count > 0 => request.extend_from_slice(&piece[..count]),
                    _ => break,
                }
            }
            let head = "connection: close\r\ncontent-type: application/json";
            let (status, body) = answer.split_once('|').unwrap();
            let length = body.len();
            // A client that has seen enough may hang up first.
            let _ = write!(stream, "HTTP/1.1 {status}\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}");
        }
    });
}

#[test]
fn whatever_answers_in_a_nodes_place_is_not_believed() {
    let desk = Desk::new();
    answering(&desk, "nonsense", "200 OK|nonsense");
    answering(&desk, "teapot", "418 I'm a teapot|short and stout");
    answering(&desk, "other", r#"200 OK|{"version":1}"#);
    answering(
        &desk,
        "steering",
        "500 Oops|{\"error\":{\"code\":\"disk_failed\",\"message\":\"no\\u001b[2Jspace\",\"next\":\"free some\"}}",
    );
    for (data, code) in [("nonsense", "api_mismatch"), ("teapot", "api_mismatch"), ("other", "api_mismatch")] {
        let said = desk.refused(&format!("node status --data {data}"));
        assert!(said.contains(&format!("\n2 {code}: ")), "{said}");
    }
    let output = desk.souk(&["node", "status", "--data", "steering"], "");
    assert_eq!(output.status.code(), Some(2), "a failing disk is not the user's error");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text, "error[disk_failed]: no\\u{1b}[2Jspace\n  next: free some\n");
}

#[test]
fn a_market_is_made_joined_and_not_left_by_accident() {
    let desk = Desk::new();
    let made: Value = serde_json::from_str(&desk.ok(&["market", "init", "--name", "one", "--json"], "")).unwrap();
    desk.ok(&["market", "init", "--name", "two", "--to", "two.toml"], "");
    let join = ["market", "join", "souk-market.toml", "--data", "node", "--json"];
    for _ in 0..2 {
        let joined: Value = serde_json::from_str(&desk.ok(&join, "")).unwrap();
        assert_eq!(joined["id"], made["id"]);
    }
    let refused = desk.refused("market join two.toml --data node");
    assert!(refused.contains("\n1 market_joined_before: "), "{refused}");
    desk.ok(&["market", "join", "two.toml", "--data", "node", "--force"], "");
}

#[test]
fn help_version_and_completions_go_to_stdout() {
    let desk = Desk::new();
    assert!(desk.ok(&["--help"], "").contains("devnet"));
    assert!(desk.ok(&["ask", "create", "--help"], "").contains("--offer"));
    assert!(desk.ok(&["--version"], "").starts_with("souk "));
    for shell in ["bash", "zsh", "fish"] {
        assert!(desk.ok(&["completions", shell], "").contains("devnet"), "{shell}");
    }
    assert!(!desk.ok(&["--help"], "").contains("sandbox-child"), "hidden commands stay hidden");
}

#[test]
fn output_that_nobody_reads_is_no_error_to_tell() {
    let desk = Desk::new();
    let script = format!("{} completions bash | head -c 1", env!("CARGO_BIN_EXE_souk"));
    let output = Command::new("sh").arg("-c").arg(script).current_dir(desk.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
