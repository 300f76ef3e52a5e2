//! `mem.size`: the memory that tasks may use, which is what is available now less a reserve for the host.

use std::path::Path;

use protocol::Metric;

use crate::measure::BenchError;

const KIB_PER_MIB: u64 = 1024;
const BYTES_PER_MIB: u64 = 1 << 20;
/// The host keeps a tenth of what is available, and at least this.
const RESERVE_MIN_MIB: u64 = 256;

/// Mebibytes that may be sold: what the system could give to new programs without swapping, or what is left of this
/// process's memory limit if that is less, minus the host's reserve.
///
/// # Errors
/// [`BenchError::Read`] if the system does not say, [`BenchError::Unsupported`] if it leaves nothing above the reserve.
pub(crate) fn available() -> Result<u64, BenchError> {
    let free = available_of_system()?.min(left_of_limit().unwrap_or(u64::MAX));
    let reserve = (free / 10).max(RESERVE_MIN_MIB);
    match free.saturating_sub(reserve) {
        0 => Err(BenchError::Unsupported { metric: Metric::MemSize }),
        size => Ok(size),
    }
}

#[cfg(target_os = "linux")]
fn available_of_system() -> Result<u64, BenchError> {
    let path = Path::new("/proc/meminfo");
    let read = std::fs::read_to_string(path);
    let text = read.map_err(|source| BenchError::Read { metric: Metric::MemSize, path: path.into(), source })?;
    Ok(available_in(&text).unwrap_or_else(|| {
        let info = rustix::system::sysinfo();
        let bytes = u128::from(info.freeram) * u128::from(info.mem_unit);
        u64::try_from(bytes / u128::from(BYTES_PER_MIB)).unwrap_or(u64::MAX)
    }))
}

#[cfg(not(target_os = "linux"))]
fn available_of_system() -> Result<u64, BenchError> {
    Err(BenchError::Unsupported { metric: Metric::MemSize })
}

/// `MemAvailable` of a meminfo text, in mebibytes.
fn available_in(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / KIB_PER_MIB)
}

/// The least that any control group (version 2) above this process leaves, in mebibytes; `None` without a limit.
fn left_of_limit() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let root = Path::new("/sys/fs/cgroup");
    let group = root.join(own);
    let left = |folder: &Path| {
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        left_in(&read("memory.max")?, &read("memory.current")?, &read("memory.stat").unwrap_or_default())
    };
    group.ancestors().take_while(|folder| folder.starts_with(root)).filter_map(left).min()
}

/// What a control group leaves, in mebibytes, counting its file cache as free; `None` without a limit.
fn left_in(max: &str, current: &str, stat: &str) -> Option<u64> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let cache = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")).and_then(number).unwrap_or(0);
    let used = number(current)?.saturating_sub(cache);
    Some(number(max)?.saturating_sub(used) / BYTES_PER_MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_available_memory_is_read_in_mebibytes() {
        let text = "MemTotal:       24683520 kB\nMemFree:  1 kB\nMemAvailable:   24289280 kB\n";
        assert_eq!(available_in(text), Some(23_720));
        assert_eq!(available_in("MemTotal: 5 kB\n"), None);
        assert_eq!(available_in("MemAvailable: many kB\n"), None);
    }

    #[test]
    fn a_group_leaves_its_limit_less_what_is_used_and_not_cache() {
        let mib = |n: u64| (n << 20).to_string();
        let stat = format!("anon 5\ninactive_file {}\n", mib(300));
        assert_eq!(left_in(&mib(4096), &mib(1000), &stat), Some(4096 - 700));
        assert_eq!(left_in(&mib(100), &mib(900), ""), Some(0));
        assert_eq!(left_in("max\n", &mib(1000), &stat), None);
    }
}
