use proptest::prelude::*;
use rstest::rstest;

use super::CacheStats;
use crate::edition::Edition;

/// `.stats` of JuiceFS 1.3.1: 5 MiB in the cache, of which 4 MiB were read from it and 4 MiB past
/// it.
const COMMUNITY: &str = include_str!("../../../tests/reports/community.stats");
/// The same of the enterprise edition: a worker whose cache answered everything.
const ENTERPRISE: &str = include_str!("../../../tests/reports/enterprise.stats");

fn stats([bytes, hits, misses, hit_bytes, miss_bytes]: [u64; 5]) -> CacheStats {
    CacheStats {
        bytes,
        hits,
        misses,
        hit_bytes,
        miss_bytes,
    }
}

#[rstest]
#[case::community(Edition::Community, COMMUNITY, [5_255_171, 2, 2, 4_194_304, 4_194_304])]
#[case::enterprise(Edition::Enterprise, ENTERPRISE, [40_757_435_762, 9_708, 0, 40_717_671_794, 0])]
#[case::the_other_edition(Edition::Enterprise, COMMUNITY, [0; 5])]
#[case::empty(Edition::Community, "", [0; 5])]
#[case::exponent(Edition::Community, "juicefs_blockcache_bytes 1.048576e+06\n", [1_048_576, 0, 0, 0, 0])]
#[case::not_a_number(Edition::Community, "juicefs_blockcache_bytes NaN\njuicefs_blockcache_hits \
    +Inf\njuicefs_blockcache_miss x", [0; 5])]
#[case::negative(Edition::Community, "juicefs_blockcache_bytes -4", [0; 5])]
#[case::windows_lines(Edition::Enterprise, "blockcache.bytes: 7\r\nblockcache.hits: 1\r\n", [7, 1, 0, 0, 0])]
#[case::no_separator(Edition::Enterprise, "blockcache.bytes", [0; 5])]
#[case::longer_names(Edition::Community, "juicefs_blockcache_bytes_total 9\njuicefs_blockcache_hits_x 9", [0; 5])]
fn counters_are_read(#[case] edition: Edition, #[case] text: &str, #[case] expected: [u64; 5]) {
    assert_eq!(CacheStats::parse(edition, text), stats(expected));
}

#[test]
fn a_report_that_is_cut_off_gives_what_is_there() {
    let cut = ENTERPRISE.split_at(ENTERPRISE.find("blockcache.miss:").unwrap()).0;
    assert_eq!(
        CacheStats::parse(Edition::Enterprise, cut),
        stats([40_757_435_762, 9_708, 0, 40_717_671_794, 0])
    );
}

#[test]
fn sums_stay_at_the_largest_number() {
    let mut sum = stats([u64::MAX, 1, 2, 3, 4]);
    sum.add(stats([1, 1, 1, 1, 1]));
    assert_eq!(sum, stats([u64::MAX, 2, 3, 4, 5]));
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in "(juicefs_blockcache_bytes|blockcache\\.hits|\\PC{0,8})[ \
        :]{0,2}[-+.0-9eE]{0,30}\\n?") {
        CacheStats::parse(Edition::Community, &text);
        CacheStats::parse(Edition::Enterprise, &text);
    }
}
