//! `alluxio fsadmin report metrics`: how much was read from where.

use serde::{Deserialize, Serialize};
use wasser_api::size;

/// Bytes read since the cluster was started, and the throughput now in bytes a minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// From the cache of the reader's own node.
    pub local: u64,
    /// From the cache of other nodes.
    pub remote: u64,
    /// From data sources.
    pub ufs: u64,
    /// As `local`, in bytes a minute.
    pub local_rate: u64,
    /// As `remote`, in bytes a minute.
    pub remote_rate: u64,
    /// As `ufs`, in bytes a minute.
    pub ufs_rate: u64,
}

impl Counters {
    /// Reads the lines; `None` if one of the counters is missing. A missing throughput is `None` as
    /// well.
    pub fn parse(text: &str) -> Option<Self> {
        let value = |name: &str| {
            let line = text
                .lines()
                .map(str::trim)
                .find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
            let (_, value) = line.split_once("Value: ")?;
            let value = value.strip_suffix(')')?;
            let value = value.strip_suffix("/MIN").unwrap_or(value);
            size::parse(value.trim())
                .ok()
                .and_then(|bytes| u64::try_from(bytes).ok())
        };
        Some(Counters {
            local: value("Cluster.BytesReadLocal")?,
            remote: value("Cluster.BytesReadRemote")?,
            ufs: value("Cluster.BytesReadUfsAll")?,
            local_rate: value("Cluster.BytesReadLocalThroughput").unwrap_or_default(),
            remote_rate: value("Cluster.BytesReadRemoteThroughput").unwrap_or_default(),
            ufs_rate: value("Cluster.BytesReadUfsThroughput").unwrap_or_default(),
        })
    }

    /// Returns what was read since `before`. A counter that went back, because the cluster was
    /// restarted, counts from 0.
    pub fn since(&self, before: &Counters) -> Counters {
        let from = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
        Counters {
            local: from(self.local, before.local),
            remote: from(self.remote, before.remote),
            ufs: from(self.ufs, before.ufs),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn recorded_counters_are_read() {
        let counters = Counters::parse(include_str!("../../tests/reports/metrics.txt")).unwrap();
        let expected = Counters {
            local: 0,
            remote: 937_881,
            ufs: 900_003,
            local_rate: 0,
            remote_rate: 937_881,
            ufs_rate: 900_003,
        };
        assert_eq!(counters, expected);
    }

    #[rstest]
    #[case::cut_off(
        "Cluster.BytesReadLocal  (Type: COUNTER, Value: 19.37MB)\nCluster.BytesReadRemote  (Type: COUNTER, Val"
    )]
    #[case::other_units(
        "Cluster.BytesReadLocal  (Type: COUNTER, Value: 3 spoons)\nCluster.BytesReadRemote  (Type: COUNTER, Value: \
            1B)\nCluster.BytesReadUfsAll  (Type: COUNTER, Value: 1B)"
    )]
    #[case::another_version("Cluster.BytesReadAlluxio  (Type: COUNTER, Value: 0B)")]
    #[case::empty("")]
    fn what_is_not_whole_is_not_read(#[case] text: &str) {
        assert_eq!(Counters::parse(text), None);
    }

    #[test]
    fn the_old_form_without_throughput_is_read() {
        let text = "Cluster.BytesReadLocal  (Type: COUNTER, Value: 19.37MB)\n  Cluster.BytesReadRemote  (Type: \
            COUNTER, Value: 0B)\nCluster.BytesReadUfsAll  (Type: COUNTER, Value: 495.97KB)";
        let counters = Counters::parse(text).unwrap();
        assert_eq!(
            (counters.local, counters.remote, counters.ufs, counters.local_rate),
            (20_310_917, 0, 507_873, 0)
        );
    }

    #[test]
    fn a_cluster_that_was_started_anew_counts_from_nothing() {
        let of = |local, remote| Counters {
            local,
            remote,
            ..Counters::default()
        };
        assert_eq!(of(30, 5).since(&of(10, 5)), of(20, 0));
        assert_eq!(of(3, 5).since(&of(10, 2)), of(3, 3));
    }
}
