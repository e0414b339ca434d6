//! What the system says of this process, under the names that all Prometheus clients use. Nothing where there
//! is no `/proc`.

use std::{fmt, fs};

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};

use super::looks::Page;

/// This process.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        let Some(seen) = Seen::now() else { return Ok(()) };
        page.counter_f64("process_cpu_seconds", "Time that this process has computed", seen.cpu_seconds)?;
        page.gauge("process_resident_memory_bytes", "Memory that this process has", seen.resident_bytes)?;
        page.gauge("process_virtual_memory_bytes", "Addresses that this process has", seen.virtual_bytes)?;
        page.gauge("process_threads", "Threads of this process", seen.threads)?;
        if let Some(start) = seen.start_seconds {
            page.gauge_f64("process_start_time_seconds", "When this process began, in seconds since 1970", start)?;
        }
        if let Some(open) = seen.open_files {
            page.gauge("process_open_fds", "Files and connections that are open", open)?;
        }
        if let Some(most) = seen.max_files {
            page.gauge("process_max_fds", "Files and connections that may be open", most)?;
        }
        Ok(())
    }
}

#[derive(Debug, PartialEq)]
struct Seen {
    cpu_seconds: f64,
    resident_bytes: i64,
    virtual_bytes: i64,
    threads: i64,
    start_seconds: Option<f64>,
    open_files: Option<i64>,
    max_files: Option<i64>,
}

impl Seen {
    #[cfg(target_os = "linux")]
    fn now() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        #[expect(clippy::cast_precision_loss, reason = "a hundred or so")]
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let mut seen = Self::parse(&stat, ticks, i64::try_from(rustix::param::page_size()).ok()?)?;
        let booted = fs::read_to_string("/proc/stat").ok();
        let booted = booted.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("btime ")?.parse::<f64>().ok()));
        seen.start_seconds = seen.start_seconds.zip(booted).map(|(start, booted)| booted + start);
        // Newer systems tell the number as the folder's size; on others it would have to be counted.
        seen.open_files = fs::metadata("/proc/self/fd").ok().and_then(|folder| i64::try_from(folder.len()).ok()).filter(|open| *open > 0);
        let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        seen.max_files = most.and_then(|most| i64::try_from(most).ok());
        Some(seen)
    }

    #[cfg(not(target_os = "linux"))]
    fn now() -> Option<Self> {
        None
    }

    /// From `/proc/<pid>/stat`, with the start in seconds since the system's.
    fn parse(stat: &str, ticks: f64, page: i64) -> Option<Self> {
        // The name before it may hold spaces and brackets itself.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<i64>().ok();
        let time = |index: usize| fields.get(index)?.parse::<f64>().ok().map(|time| time / ticks);
        // The first of these is the third field of all.
        Some(Self {
            cpu_seconds: time(11)? + time(12)?,
            threads: number(17)?,
            start_seconds: time(19),
            virtual_bytes: number(20)?,
            resident_bytes: number(21)? * page,
            open_files: None,
            max_files: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_line_is_read_whatever_the_process_is_called() {
        let stat = "42 (rain) c (loud)) S 1 42 42 0 -1 4194560 900 0 1 0 250 50 0 0 20 0 7 0 1000 123456789 2048 18446744073709551615 1 1";
        let seen = Seen::parse(stat, 100.0, 4096).unwrap();
        assert!((seen.cpu_seconds - 3.0).abs() < 1e-9);
        assert_eq!((seen.threads, seen.virtual_bytes, seen.resident_bytes), (7, 123_456_789, 2048 * 4096));
        assert_eq!(seen.start_seconds, Some(10.0));
        assert_eq!(Seen::parse("", 100.0, 4096), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_seen() {
        let seen = Seen::now().unwrap();
        assert!(seen.resident_bytes > 1_000_000 && seen.threads >= 1 && seen.start_seconds.unwrap() > 1e9, "{seen:?}");
    }
}
