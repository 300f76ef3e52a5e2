//! Network namespaces, one for each node and one for the hub, with a veth pair between; gone when dropped. Knows no nodes.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::relay::Relay;

/// What the name of every namespace of this test begins with; the id of the process that made it follows.
const PREFIX: &str = "souk-parted-";
/// Off at both ends: a frame that waits for a network card to finish it would reach the other side broken.
const OFFLOADS: &str = "tx off rx off tso off gso off gro off";

/// A network of `size` hosts around a hub.
pub struct Lan {
    size: usize,
    relay: Option<Relay>,
}

/// The namespaces of what an earlier run left behind, or of this one.
struct Names(u32);

impl Names {
    fn hub(&self) -> String {
        format!("{PREFIX}{}-hub", self.0)
    }

    fn host(&self, index: usize) -> String {
        format!("{PREFIX}{}-{index}", self.0)
    }
}

impl Lan {
    /// Makes the namespaces and starts the relay. Panics where this process may not: the test must run.
    pub fn new(size: usize) -> Lan {
        remove_leftovers();
        let mut lan = Lan { size, relay: None };
        let names = Names(std::process::id());
        let hosts: Vec<String> = (0..size).map(|index| names.host(index)).collect();
        let mut lines = vec![format!("netns add {}", names.hub())];
        lines.extend(hosts.iter().map(|host| format!("netns add {host}")));
        for (index, host) in hosts.iter().enumerate() {
            let hub = names.hub();
            lines.push(format!("link add to{index} netns {hub} type veth peer name eth0 netns {host}"));
        }
        batch(None, &lines);
        let hub: Vec<String> = (0..size).flat_map(|index| up(&format!("to{index}"))).collect();
        batch(Some(&names.hub()), &hub);
        for (index, host) in hosts.iter().enumerate() {
            batch(Some(host), &host_lines(index, size));
            ok(&["netns", "exec", host, "ethtool", "-K", "eth0"], OFFLOADS);
            ok(&["netns", "exec", &names.hub(), "ethtool", "-K", &format!("to{index}")], OFFLOADS);
        }
        lan.relay = Some(Relay::start(lan.command_in(&names.hub(), &std::env::current_exe().unwrap())));
        lan
    }

    /// The IPv4 address of a host.
    pub fn address(&self, index: usize) -> String {
        address(index)
    }

    /// A command that runs `program` on a host.
    pub fn command(&self, index: usize, program: &Path) -> Command {
        self.command_in(&Names(std::process::id()).host(index), program)
    }

    fn command_in(&self, name: &str, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", name]).arg(program);
        command
    }

    /// The relay between the hosts.
    pub fn relay(&mut self) -> &mut Relay {
        self.relay.as_mut().expect("the relay runs as long as the network")
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        self.relay = None;
        let names = Names(std::process::id());
        let all = (0..self.size).map(|index| names.host(index)).chain([names.hub()]);
        all.for_each(|name| remove(&name));
    }
}

/// The hardware address of a host; the last byte tells the relay which it is.
pub fn hardware_address(index: usize) -> [u8; 6] {
    [0x02, 0, 0, 0, 0, index as u8 + 1]
}

fn address(index: usize) -> String {
    format!("10.77.0.{}", index + 1)
}

fn up(link: &str) -> [String; 2] {
    [format!("link set {link} addrgenmode none"), format!("link set {link} up")]
}

/// Addresses of the host and of all others: nobody has to ask who is who.
fn host_lines(index: usize, size: usize) -> Vec<String> {
    let text = |index| hardware_address(index).map(|byte| format!("{byte:02x}")).join(":");
    let mut lines = vec!["link set lo up".to_owned(), format!("link set eth0 address {}", text(index))];
    lines.extend(up("eth0"));
    lines.push(format!("address add {}/24 dev eth0", address(index)));
    let others = (0..size).filter(|other| *other != index);
    lines.extend(
        others.map(|other| format!("neighbour add {} lladdr {} dev eth0 nud permanent", address(other), text(other))),
    );
    lines
}

/// Runs many lines of `ip` at once, in a namespace if one is named.
#[track_caller]
fn batch(name: Option<&str>, lines: &[String]) {
    let mut command = Command::new("ip");
    name.map(|name| command.args(["-n", name]));
    command.args(["-batch", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("`ip` did not start: {error}\n{NEEDED}"));
    // `ip` reads all that it is given before it fails; that it failed is told below.
    let _ = child.stdin.take().unwrap().write_all((lines.join("\n") + "\n").as_bytes());
    check(&child.wait_with_output().unwrap(), &lines.join("\n"));
}

#[track_caller]
fn ok(words: &[&str], more: &str) {
    let output = Command::new("ip").args(words).args(more.split(' ')).stdin(Stdio::null()).output();
    check(&output.unwrap(), &format!("ip {} {more}", words.join(" ")));
}

const NEEDED: &str = "this test needs root, network namespaces, and the packages iproute2 and ethtool, which \
    `cargo xtask test` installs";

#[track_caller]
fn check(output: &Output, what: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "no network for the test: {stderr}\nof: {what}\n{NEEDED}");
}

fn remove(name: &str) {
    // What is not there is gone.
    let _ = Command::new("ip").args(["netns", "delete", name]).stderr(Stdio::null()).status();
}

/// Removes the namespaces of runs that were killed: those whose process is no more.
fn remove_leftovers() {
    let output = Command::new("ip").args(["netns", "list"]).output();
    let output = output.unwrap_or_else(|error| panic!("`ip` did not start: {error}\n{NEEDED}"));
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            remove(name);
        }
    }
}
