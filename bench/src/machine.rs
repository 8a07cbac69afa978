//! What the figures were measured on, as lines at the head of a report.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use crate::clock;
use crate::report::Latencies;

/// Processor, cores, memory and what a sync costs in `folder`.
pub(crate) fn describe(folder: &Path) -> io::Result<String> {
    let (p50, p99) = syncs(folder)?;
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into());
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
    let cores = std::thread::available_parallelism()?;
    Ok(format!(
        "# {cores} cores ({cpu}), {} MiB; fdatasync of 4 KiB p50 {p50:.2} ms, p99 {p99:.2} ms; \
         generator, server and rival share the cores",
        kib >> 10
    ))
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Median and 99th percentile of a 4 KiB write and `fdatasync` in the same folder, in ms.
pub(crate) fn syncs(folder: &Path) -> io::Result<(f64, f64)> {
    const COUNT: usize = 400;
    let path = folder.join("sync");
    let mut file = fs::File::create(&path)?;
    let mut latencies = Latencies::default();
    for _ in 0..COUNT {
        let began = clock::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        latencies.push(began.elapsed());
    }
    fs::remove_file(path)?;
    let percentile = |percent| latencies.percentile_ms(percent).unwrap_or_default();
    Ok((percentile(50), percentile(99)))
}
