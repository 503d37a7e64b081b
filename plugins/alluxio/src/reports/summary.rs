//! `alluxio fsadmin report summary`, and `report capacity`, which has the same lines.

use wasser_api::size;

/// How large the cache is, and how much is in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Bytes that all workers can hold together.
    pub capacity: Option<u64>,
    /// Bytes that they hold.
    pub used: Option<u64>,
}

impl Summary {
    /// Reads the two lines; what is missing or in no known unit is none.
    pub fn parse(text: &str) -> Self {
        let value = |prefix: &str| {
            let line = text.lines().map(str::trim).find_map(|line| line.strip_prefix(prefix))?;
            size::parse(line.trim())
                .ok()
                .and_then(|bytes| u64::try_from(bytes).ok())
        };
        Summary {
            capacity: value("Total Capacity: "),
            used: value("Used Capacity: "),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::recorded(include_str!("../../tests/reports/summary.txt"), Some(200 << 20), Some(900_003))]
    #[case::capacity(include_str!("../../tests/reports/capacity.txt"), Some(200 << 20), Some(900_003))]
    #[case::bytes("Total Capacity: 0B\nUsed Capacity: 0B", Some(0), Some(0))]
    #[case::other_units("  Total Capacity: 1.5 TiB\n  Used Capacity: 512k", Some(3 << 39), Some(512 << 10))]
    #[case::another_version(
        "Live Workers: 1\nTotal Capacity: 19.07MB\n    Tier: MEM  Size: 19.07MB\nUsed Capacity: 9.69MB",
        Some(19_996_344),
        Some(10_160_701)
    )]
    #[case::cut_off("Total Capacity: 200.00MB\n    Tier: MEM  Size: 20", Some(200 << 20), None)]
    #[case::cut_off_in_the_number("Total Capacity: 200.", None, None)]
    #[case::unknown_unit("Total Capacity: 2 parsecs\nUsed Capacity: -1B", None, None)]
    #[case::no_workers("Live Workers: 0\nLost Workers: 0", None, None)]
    #[case::empty("", None, None)]
    fn the_two_lines_are_read(#[case] text: &str, #[case] capacity: Option<u64>, #[case] used: Option<u64>) {
        assert_eq!(Summary::parse(text), Summary { capacity, used });
    }
}
