//! What a process costs: processor time and memory, as Linux tells of it in `/proc`. Reads; decides nothing.

use std::{fs, time::Duration};

/// What a process has cost so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Processor time, its own and the system's for it.
    pub processor: Duration,
    /// Memory that it holds now, in megabytes.
    pub megabytes: f64,
}

/// Reads the usage of a process, without its children.
///
/// # Errors
/// When there is no such process, or no `/proc`; the sentence says so.
pub fn usage(process: u32) -> Result<Usage, String> {
    let read = |file: &str| {
        let path = format!("/proc/{process}/{file}");
        fs::read_to_string(&path).map_err(|error| format!("{path} cannot be read: {error}."))
    };
    parse(&read("stat")?, &read("status")?)
        .ok_or_else(|| format!("What /proc says of process {process} is not understood."))
}

/// The clock ticks of a second in `/proc`: what `sysconf(_SC_CLK_TCK)` is on every Linux of our kind.
const TICKS: u32 = 100;

fn parse(stat: &str, status: &str) -> Option<Usage> {
    // The name in parentheses may hold anything, so fields are counted behind it: utime is the 14th, stime the 15th.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    let processor = Duration::from_secs(1) * (ticks()? + ticks()?) / TICKS;
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = resident.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(Usage {
        processor,
        megabytes: kilobytes / 1024.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_any_name() {
        let stat = "42 (a b) c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 7 9 20 0 3 0 5 1 2";
        let status = "Name:\ta\nVmHWM:\t  9000 kB\nVmRSS:\t  2048 kB\nThreads:\t3\n";
        let usage = parse(stat, status).expect("it is understood");
        assert_eq!(usage.processor, Duration::from_secs(3));
        assert!((usage.megabytes - 2.0).abs() < 1e-9);
        assert_eq!(parse("42 (a) S 1", status), None);
    }

    #[test]
    fn this_process_has_cost_something() {
        assert!(usage(std::process::id()).expect("Linux").megabytes > 1.0);
        assert!(usage(u32::MAX).is_err());
    }
}
