//! How much memory there is.

use std::fs;

/// Where nobody says.
const UNKNOWN: u64 = 4 << 30;

/// Half of the memory that this process may use: of the machine's, or of its container's.
pub(super) fn half() -> u64 {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    of(&read("/proc/meminfo"), &read("/sys/fs/cgroup/memory.max")) / 2
}

/// Bytes by Linux' `meminfo` and by the limit of a control group, which may be `max`.
fn of(meminfo: &str, limit: &str) -> u64 {
    let total =
        meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok());
    let machine = total.map_or(UNKNOWN, |kib: u64| kib << 10);
    limit.trim().parse().map_or(machine, |limit: u64| limit.min(machine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_bound_counts() {
        let meminfo = "MemTotal:        8000000 kB\nMemFree:          100000 kB\n";
        let cases = [
            (meminfo, "max\n", 8_000_000 << 10),
            (meminfo, "536870912\n", 512 << 20),
            (meminfo, "", 8_000_000 << 10),
            ("", "99999999999999", UNKNOWN),
            ("", "", UNKNOWN),
        ];
        for (meminfo, limit, want) in cases {
            assert_eq!(of(meminfo, limit), want, "{meminfo:?} {limit:?}");
        }
    }
}
