//! How far the run of an operation is: lines of one form that its pod prints, and what users are
//! shown of them.
//!
//! ```text
//! progress files=12 bytes=3565158 total-files=100 total-bytes=34359738
//! ```
//!
//! Only whole numbers are taken, so that nothing else of a log can reach a status.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use wasser_api::size;

use super::run::duration;

/// The figure that the column PROGRESS shows.
pub const PROGRESS: &str = "progress";
/// The figures that only a running operation has.
pub const LIVE: [&str; 2] = ["rate", "left"];
/// The figures that the last words of a pod replace.
const DONE: [&str; 2] = ["files", "bytes"];
/// How many looks the rate is the mean of.
const LOOKS: usize = 7;
/// The word that such a line begins with.
const WORD: &str = "progress ";

/// How much of an operation is done. What is not known is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Files.
    pub files: Option<u64>,
    /// Their bytes.
    pub bytes: Option<u64>,
    /// Files in the end.
    pub total_files: Option<u64>,
    /// Bytes in the end.
    pub total_bytes: Option<u64>,
}

impl Done {
    /// Returns what the last such line of a log says.
    pub fn of(log: &str) -> Option<Self> {
        log.lines().rev().find_map(Self::of_line)
    }

    fn of_line(line: &str) -> Option<Self> {
        let mut done = Self::default();
        for word in line.trim_end().strip_prefix(WORD)?.split(' ') {
            let (name, value) = word.split_once('=')?;
            let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            let value = is_number.then(|| value.parse::<u64>().ok()).flatten()?;
            match name {
                "files" => done.files = Some(value),
                "bytes" => done.bytes = Some(value),
                "total-files" => done.total_files = Some(value),
                "total-bytes" => done.total_bytes = Some(value),
                _ => return None,
            }
        }
        (done != Self::default()).then_some(done)
    }

    /// Returns what two pods have done together. A total is known if both know theirs.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
        let both = |one: Option<u64>, other: Option<u64>| Some(one?.saturating_add(other?));
        Self {
            files: sum(self.files, other.files),
            bytes: sum(self.bytes, other.bytes),
            total_files: both(self.total_files, other.total_files),
            total_bytes: both(self.total_bytes, other.total_bytes),
        }
    }

    /// Returns done and total of what says most about the time that is left.
    fn share(&self) -> Option<(u64, u64)> {
        let pair = |done: Option<u64>, total: Option<u64>| Some((done?, total.filter(|total| *total > 0)?));
        pair(self.bytes, self.total_bytes).or_else(|| pair(self.files, self.total_files))
    }
}

/// The latest looks at one run.
#[derive(Debug, Clone, Default)]
pub struct Looks(VecDeque<(Instant, Done)>);

impl Looks {
    /// Adds a look. One that shows less than the one before is of another attempt.
    pub fn add(&mut self, at: Instant, done: Done) {
        let is_less = |(_, last): &(Instant, Done)| done.bytes < last.bytes || done.files < last.files;
        if self.0.back().is_some_and(is_less) {
            self.0.clear();
        }
        self.0.push_back((at, done));
        if self.0.len() > LOOKS {
            self.0.pop_front();
        }
    }

    /// Returns the figures for `status.infos`; none before the first look.
    pub fn figures(&self) -> BTreeMap<String, String> {
        let mut figures = BTreeMap::new();
        let (Some((since, first)), Some((now, done))) = (self.0.front(), self.0.back()) else {
            return figures;
        };
        let mut set = |name: &str, value: String| drop(figures.insert(name.to_owned(), value));
        let of = |done: u64, total: Option<u64>| match total {
            Some(total) => format!("{done}/{total}"),
            None => done.to_string(),
        };
        if let Some(files) = done.files {
            set("files", of(files, done.total_files));
        }
        if let Some(bytes) = done.bytes {
            let total = done.total_bytes.map(|total| format!("/{}", size::format(total)));
            set("bytes", size::format(bytes) + total.as_deref().unwrap_or_default());
        }
        set(
            PROGRESS,
            match (done.share(), done.bytes, done.files) {
                // What is complete is only so when the Job has ended.
                (Some((done, total)), ..) => format!("{}%", (percent(done, total)).min(99)),
                (None, Some(bytes), _) => size::format(bytes),
                (None, None, files) => format!("{} files", files.unwrap_or_default()),
            },
        );
        let time = now.duration_since(*since);
        if time.is_zero() {
            return figures;
        }
        let mut set = |name: &str, value: String| drop(figures.insert(name.to_owned(), value));
        let grown = |of: fn(&Done) -> Option<u64>| Some(of(done)?.saturating_sub(of(first)?));
        if let Some(bytes) = grown(|done| done.bytes) {
            set("rate", format!("{}/s", size::format(per_second(bytes, time))));
        } else if let Some(files) = grown(|done| done.files) {
            set("rate", format!("{} files/s", per_second(files, time)));
        }
        if let (Some((now, total)), Some((before, _))) = (done.share(), first.share())
            && let Some(seconds) = left(now.saturating_sub(before), total.saturating_sub(now), time)
        {
            set("left", duration(seconds));
        }
        figures
    }
}

/// Takes the figures of a running operation away: those that are of a moment, and for a new run all.
pub fn forget(infos: &mut BTreeMap<String, String>, new_run: bool) {
    let all = new_run.then_some(DONE).into_iter().flatten();
    for name in LIVE.into_iter().chain(all) {
        infos.remove(name);
    }
}

/// Returns whether there are figures of a run.
pub fn has_figures(infos: &BTreeMap<String, String>) -> bool {
    DONE.iter().any(|name| infos.contains_key(*name))
}

fn percent(done: u64, total: u64) -> u128 {
    u128::from(done) * 100 / u128::from(total.max(1))
}

fn per_second(amount: u64, time: Duration) -> u64 {
    let rate = u128::from(amount) * 1000 / time.as_millis().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// Returns the seconds that the rest takes if it goes on like this. `None` if nothing goes on.
fn left(done: u64, rest: u64, time: Duration) -> Option<i64> {
    let millis = (u128::from(rest) * time.as_millis()).checked_div(u128::from(done))?;
    i64::try_from(millis.div_ceil(1000)).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const fn done(files: Option<u64>, bytes: Option<u64>) -> Done {
        Done {
            files,
            bytes,
            total_files: None,
            total_bytes: None,
        }
    }

    #[rstest]
    #[case::last(
        "progress files=1\nloading /a\nprogress files=12 bytes=34\nloaded /a\n",
        Some(done(Some(12), Some(34)))
    )]
    #[case::one_figure("progress bytes=7\r\n", Some(done(None, Some(7))))]
    #[case::nothing("loading /a\n", None)]
    #[case::a_secret("progress files=12 token=34", None)]
    #[case::words("progress files=many", None)]
    #[case::signs("progress files=-1", None)]
    #[case::plus("progress files=+1", None)]
    #[case::too_much("progress files=99999999999999999999", None)]
    #[case::cut("progress", None)]
    #[case::inside("see progress files=1", None)]
    fn only_whole_numbers_of_lines_of_one_form_are_taken(#[case] log: &str, #[case] expected: Option<Done>) {
        assert_eq!(Done::of(log), expected);
    }

    fn figures(looks: &[(u64, &str)]) -> Vec<(String, String)> {
        let (mut kept, start) = (Looks::default(), Instant::now());
        for (second, line) in looks {
            kept.add(start + Duration::from_secs(*second), Done::of(line).unwrap());
        }
        kept.figures().into_iter().collect()
    }

    #[rstest]
    #[case::first(&[(0, "progress files=12 bytes=1024")], "bytes=1.00KiB files=12 progress=1.00KiB")]
    #[case::rate(&[(0, "progress bytes=0"), (10, "progress bytes=20480")],
        "bytes=20.00KiB progress=20.00KiB rate=2.00KiB/s")]
    #[case::files(&[(0, "progress files=1"), (10, "progress files=41")], "files=41 progress=41 files rate=4 files/s")]
    #[case::total(&[(0, "progress files=10 total-files=100"), (10, "progress files=20 total-files=100")],
        "files=20/100 left=1m20s progress=20% rate=1 files/s")]
    #[case::bytes_count(&[(0, "progress files=0 bytes=0 total-files=4 total-bytes=4096"),
        (4, "progress files=3 bytes=1024 total-files=4 total-bytes=4096")],
        "bytes=1.00KiB/4.00KiB files=3/4 left=12s progress=25% rate=256.00B/s")]
    #[case::stalls(&[(0, "progress bytes=5 total-bytes=10"), (9, "progress bytes=5 total-bytes=10")],
        "bytes=5.00B/10.00B progress=50% rate=0.00B/s")]
    #[case::all_but_the_end(&[(0, "progress files=7 total-files=7")], "files=7/7 progress=99%")]
    #[case::another_attempt(&[(0, "progress files=50"), (10, "progress files=2")], "files=2 progress=2 files")]
    fn the_figures_are_for_people(#[case] looks: &[(u64, &str)], #[case] expected: &str) {
        let shown: Vec<String> = figures(looks)
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(shown.join(" "), expected);
    }

    #[test]
    fn the_rate_is_that_of_the_last_looks() {
        let lines: Vec<String> = (0..20u64)
            .map(|at| format!("progress files={}", if at < 10 { 0 } else { (at - 9) * 10 }))
            .collect();
        let looks: Vec<(u64, &str)> = (0..).step_by(10).zip(lines.iter().map(String::as_str)).collect();
        assert!(figures(&looks).contains(&("rate".to_owned(), "1 files/s".to_owned())));
    }

    #[test]
    fn pods_count_together_and_a_total_is_that_of_all() {
        let one = Done::of("progress files=1 bytes=2 total-files=10").unwrap();
        let other = Done::of("progress files=3 total-files=20").unwrap();
        let both = Done::of("progress files=4 bytes=2 total-files=30").unwrap();
        assert_eq!(one.and(other), both);
        assert_eq!(one.and(Done::of("progress files=3").unwrap()).total_files, None);
    }
}
