//! Points in time as Kubernetes writes them.

const DAY: u64 = 86_400;

/// `2026-02-28T09:30:00Z` for milliseconds since 1970.
pub fn rfc3339(ms: u64) -> String {
    let seconds = ms / 1000;
    let (year, month, day) = date(seconds / DAY);
    let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a day since 1970, counted in years that begin in March, so that the leap
/// day is their last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case(0, "1970-01-01T00:00:00Z")]
    #[case(951_782_399_999, "2000-02-28T23:59:59Z")]
    #[case(951_782_400_000, "2000-02-29T00:00:00Z")]
    #[case(951_868_800_000, "2000-03-01T00:00:00Z")]
    #[case(1_772_271_000_000, "2026-02-28T09:30:00Z")]
    #[case(4_107_542_400_000, "2100-03-01T00:00:00Z")]
    fn dates(#[case] ms: u64, #[case] text: &str) {
        assert_eq!(super::rfc3339(ms), text);
    }
}
