//! `.stats` in the root of a mount: one counter per line, `juicefs_blockcache_bytes 123` in the
//! community edition and `blockcache.bytes: 123` in the enterprise edition.

use crate::edition::Edition;

/// The counters of the block cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Bytes in the cache.
    pub bytes: u64,
    /// Reads that the cache answered.
    pub hits: u64,
    /// Reads that it did not.
    pub misses: u64,
    /// Bytes read from the cache.
    pub hit_bytes: u64,
    /// Bytes read past it.
    pub miss_bytes: u64,
}

impl CacheStats {
    /// Reads the counters; a missing one is 0.
    pub fn parse(edition: Edition, text: &str) -> Self {
        let mut stats = CacheStats::default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once([' ', ':']) else {
                continue;
            };
            let counter = match (edition, key) {
                (Edition::Community, "juicefs_blockcache_bytes") | (Edition::Enterprise, "blockcache.bytes") => {
                    &mut stats.bytes
                }
                (Edition::Community, "juicefs_blockcache_hits") | (Edition::Enterprise, "blockcache.hits") => {
                    &mut stats.hits
                }
                (Edition::Community, "juicefs_blockcache_miss") | (Edition::Enterprise, "blockcache.miss") => {
                    &mut stats.misses
                }
                (Edition::Community, "juicefs_blockcache_hit_bytes") | (Edition::Enterprise, "blockcache.hitBytes") => {
                    &mut stats.hit_bytes
                }
                (Edition::Community, "juicefs_blockcache_miss_bytes")
                | (Edition::Enterprise, "blockcache.missBytes") => &mut stats.miss_bytes,
                _ => continue,
            };
            *counter = number(value.trim());
        }
        stats
    }

    /// Adds the counters of another pod.
    pub fn add(&mut self, other: CacheStats) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.hits = self.hits.saturating_add(other.hits);
        self.misses = self.misses.saturating_add(other.misses);
        self.hit_bytes = self.hit_bytes.saturating_add(other.hit_bytes);
        self.miss_bytes = self.miss_bytes.saturating_add(other.miss_bytes);
    }
}

/// Prometheus writes large counters as `1.048576e+06`, and a counter that was never set as `NaN`.
/// Neither that nor an infinity counts.
fn number(text: &str) -> u64 {
    let float = || text.parse::<f64>().ok().filter(|float| float.is_finite());
    text.parse().unwrap_or_else(|_| float().map_or(0, |float| float as u64))
}

#[cfg(test)]
mod tests;
