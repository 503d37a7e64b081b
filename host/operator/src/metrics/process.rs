//! Memory and processor time of this process, under the names that Prometheus' clients agree on.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Clock ticks per second in `/proc`: fixed for user space, whatever the kernel's own are.
const TICKS: f64 = 100.0;

/// Reads `/proc/self` at every scrape.
#[derive(Debug)]
pub struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        if let Some(bytes) = std::fs::read_to_string("/proc/self/status")
            .ok()
            .and_then(|status| resident(&status))
        {
            let gauge = ConstGauge::new(bytes);
            gauge.encode(encoder.encode_descriptor(
                "process_resident_memory_bytes",
                "Resident memory",
                None,
                gauge.metric_type(),
            )?)?;
        }
        if let Some(seconds) = std::fs::read_to_string("/proc/self/stat")
            .ok()
            .and_then(|stat| processor_time(&stat))
        {
            let counter = ConstCounter::new(seconds);
            counter.encode(encoder.encode_descriptor(
                "process_cpu_seconds",
                "Processor time",
                None,
                counter.metric_type(),
            )?)?;
        }
        Ok(())
    }
}

/// Bytes in RAM, of `/proc/<pid>/status`.
fn resident(status: &str) -> Option<i64> {
    let kibibytes: i64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?
        .trim()
        .strip_suffix(" kB")?
        .parse()
        .ok()?;
    kibibytes.checked_mul(1024)
}

/// Seconds in user and kernel mode, of `/proc/<pid>/stat`. The process's name, in parentheses, may
/// contain anything.
fn processor_time(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).map(str::parse::<f64>);
    let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
    Some((user + system) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_understood() {
        assert_eq!(
            resident("Name:\twasser\nVmRSS:\t   51200 kB\nThreads:\t4\n"),
            Some(52_428_800)
        );
        let stat = "17 (a ) b) S 1 17 17 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 4 0 100 1 2";
        assert_eq!(processor_time(stat), Some(2.0));
        assert_eq!((resident(""), processor_time("")), (None, None));
    }
}
