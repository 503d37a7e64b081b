//! What the commands of a class print.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use wasser_api::size;

/// The states that a report can have, of which all are shown.
const STATES: [&str; 4] = ["cacheCapacity", "cacheHitRatio", "cached", "cachedPercentage"];
/// How long a text in a status may be.
const LONGEST: usize = 64;

/// What a command that mounts prints.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Mounted {
    mounted: Option<Vec<String>>,
}

/// Returns the paths that are mounted; `None` if the text says nothing about them.
pub fn mounted(text: &str) -> Option<BTreeSet<String>> {
    let read: Mounted = serde_json::from_str(text).ok()?;
    // Go leaves out a list that is empty.
    let paths = read.mounted.unwrap_or_default().into_iter();
    Some(paths.map(|path| trimmed(&path)).collect())
}

/// Returns a path without slashes at its end.
pub fn trimmed(path: &str) -> String {
    format!("/{}", path.trim_matches('/'))
}

/// What a command that reports on the cache prints: texts or numbers, by name.
#[derive(Debug, Deserialize)]
pub struct Summary(BTreeMap<String, Value>);

impl Summary {
    /// Reads what was printed; `None` if it is not a JSON object.
    pub fn of(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Returns the states of the cache as they are printed, but for line breaks and what is too long
    /// for a status.
    pub fn states(&self) -> Vec<(String, String)> {
        let state = |name: &str| Some((name.to_owned(), self.text(name)?));
        STATES.into_iter().filter_map(state).collect()
    }

    /// Returns the bytes and the number of files of the data sources; `None` if either is missing.
    pub fn totals(&self) -> Option<(u64, u64)> {
        let bytes = size::parse(&self.text("ufsTotal")?).ok()?;
        Some((u64::try_from(bytes).ok()?, self.text("fileNum")?.parse().ok()?))
    }

    fn text(&self, name: &str) -> Option<String> {
        let text = match self.0.get(name)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        let plain = text.chars().filter(|c| !c.is_control()).take(LONGEST);
        Some(plain.collect::<String>()).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::paths(r#"{"mounted": ["/a", "b/", "/c/d"]}"#, Some(vec!["/a", "/b", "/c/d"]))]
    #[case::none(r#"{"mounted": []}"#, Some(vec![]))]
    #[case::left_out("{}", Some(vec![]))]
    #[case::null(r#"{"mounted": null}"#, Some(vec![]))]
    #[case::log_before("mounting\n{\"mounted\": []}", None)]
    #[case::other_type(r#"{"mounted": "/a"}"#, None)]
    #[case::list(r#"["/a"]"#, None)]
    #[case::nothing("", None)]
    fn what_is_mounted_is_read(#[case] text: &str, #[case] paths: Option<Vec<&str>>) {
        let paths = paths.map(|paths| paths.into_iter().map(str::to_owned).collect());
        assert_eq!(mounted(text), paths);
    }

    #[rstest]
    #[case::texts(
        r#"{"cached": "1.00GiB", "cachedPercentage": "25", "cacheCapacity": "4.00GiB", "cacheHitRatio": "0", "more": 1}"#,
        &[("cacheCapacity", "4.00GiB"), ("cacheHitRatio", "0"), ("cached", "1.00GiB"), ("cachedPercentage", "25")]
    )]
    #[case::numbers(r#"{"cached": 12, "cacheHitRatio": 0.5}"#, &[("cacheHitRatio", "0.5"), ("cached", "12")])]
    #[case::odd(r#"{"cached": null, "cacheHitRatio": [], "cacheCapacity": " ", "cachedPercentage": "1\n2"}"#,
        &[("cachedPercentage", "12")])]
    fn states_are_as_they_are_printed(#[case] text: &str, #[case] states: &[(&str, &str)]) {
        let read = Summary::of(text).unwrap().states();
        let read: Vec<(&str, &str)> = read
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(read, states);
    }

    #[rstest]
    #[case::texts(r#"{"ufsTotal": "1GB", "fileNum": "400"}"#, Some((1 << 30, 400)))]
    #[case::numbers(r#"{"ufsTotal": 2048, "fileNum": 4}"#, Some((2048, 4)))]
    #[case::no_files(r#"{"ufsTotal": "1GB"}"#, None)]
    #[case::words(r#"{"ufsTotal": "much", "fileNum": "4"}"#, None)]
    #[case::negative(r#"{"ufsTotal": "1", "fileNum": "-4"}"#, None)]
    fn totals_need_both_numbers(#[case] text: &str, #[case] totals: Option<(u64, u64)>) {
        assert_eq!(Summary::of(text).unwrap().totals(), totals);
    }
}
