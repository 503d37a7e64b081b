//! The tiered store: where the cache is and how large it may become.

use serde_json::Value;
use wasser_api::quantity;
use wasser_sdk::spec::Level;
use wasser_sdk::{Error, Result};

const LEVEL: &str = "JindoRuntime.spec.tieredstore.levels[0]";
const GIB: u64 = 1 << 30;

/// The first level of the tiered store, each directory with its quota.
#[derive(Debug, Clone)]
pub struct Store {
    /// Whether the cache is memory.
    pub in_memory: bool,
    /// `hostPath` or `emptyDir`.
    pub kind: String,
    /// Directories of this runtime, and their bytes.
    pub directories: Vec<(String, u64)>,
    /// The directories that the user names, which workers and clients mount; those of runtimes are
    /// below.
    pub roots: Vec<String>,
    /// The share at which the cache is emptied.
    pub high: String,
    /// The share down to which it is emptied.
    pub low: String,
}

impl Store {
    /// Reads the level. Without one, 1 GiB of the node's memory. `owner` is `<namespace>/<name>`,
    /// which separates runtimes on a node.
    pub fn of(level: Option<&Level>, owner: &str) -> Result<Self> {
        let default = Level {
            medium: "MEM".into(),
            path: "/dev/shm".into(),
            quota: Some("1Gi".into()),
            ..Level::default()
        };
        let level = level.unwrap_or(&default);
        if !["MEM", "SSD", "HDD"].contains(&level.medium.as_str()) {
            return Err(Error::invalid(
                format!("{LEVEL}.mediumtype"),
                "is none of MEM, SSD, HDD",
            ));
        }
        let kind = match level.volume_type.as_str() {
            "" | "hostPath" => "hostPath",
            "emptyDir" => "emptyDir",
            _ => {
                return Err(Error::invalid(
                    format!("{LEVEL}.volumeType"),
                    "is neither hostPath nor emptyDir",
                ));
            }
        };
        let path = if level.path.is_empty() { "/dev/shm" } else { &level.path };
        let paths: Vec<&str> = path.split(',').map(str::trim).filter(|p| !p.is_empty()).collect();
        for path in &paths {
            let plain = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
            if !path.starts_with('/')
                || path.trim_matches('/').is_empty()
                || path.contains("..")
                || !path.chars().all(plain)
            {
                let message = format!(
                    "`{}` is not an absolute directory of letters, digits and `_.-/`; separate several by commas",
                    path.escape_debug()
                );
                return Err(Error::invalid(format!("{LEVEL}.path"), message));
            }
        }
        let parts = |path: &str| {
            path.split('/')
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        if let Some((at, path)) = paths
            .iter()
            .enumerate()
            .find(|(at, path)| paths.iter().take(*at).any(|other| parts(other) == parts(path)))
        {
            let message = format!("names {path} again as directory {}; name each directory once", at + 1);
            return Err(Error::invalid(format!("{LEVEL}.path"), message));
        }
        let quotas = quotas(level, paths.len())?;
        let directory = |path: &str| format!("{}/{owner}/jindocache", path.trim_end_matches('/'));
        Ok(Store {
            in_memory: level.medium == "MEM",
            kind: kind.into(),
            directories: paths.iter().map(|path| directory(path)).zip(quotas).collect(),
            roots: paths.iter().map(|path| path.trim_end_matches('/').to_owned()).collect(),
            high: ratio("high", &level.high, "0.8")?,
            low: ratio("low", &level.low, "0.6")?,
        })
    }

    /// Returns the bytes that Jindo fills all directories with.
    pub fn total(&self) -> u64 {
        let filled = self.directories.iter().map(|(_, quota)| filled(*quota));
        filled.fold(0, u64::saturating_add)
    }

    /// Returns the size of a volume that holds a directory of so many bytes, as the user gives them.
    pub fn limit(&self, quota: u64) -> u64 {
        match self.kind.as_str() {
            "emptyDir" if !self.in_memory => quantity::with_slack(filled(quota)),
            _ => filled(quota),
        }
    }
}

/// Returns the quota of each directory: its own, or an equal share of the whole.
fn quotas(level: &Level, count: usize) -> Result<Vec<u64>> {
    let read = |field: &str, text: &str| {
        let bytes = quantity::bytes_of(text);
        bytes.filter(|bytes| *bytes > 0).ok_or_else(|| {
            Error::invalid(
                format!("{LEVEL}.{field}"),
                "is not a quantity; write for instance `100Gi`",
            )
        })
    };
    if !level.quota_list.is_empty() {
        let quotas: Vec<u64> = level
            .quota_list
            .split(',')
            .map(|text| read("quotaList", text))
            .collect::<Result<_>>()?;
        if quotas.len() != count {
            let message = format!(
                "has {} quotas, but path has {count} directories; write one for each",
                quotas.len()
            );
            return Err(Error::invalid(format!("{LEVEL}.quotaList"), message));
        }
        return Ok(quotas);
    }
    let total = match &level.quota {
        None => GIB,
        Some(Value::String(text)) => read("quota", text)?,
        Some(other) => read("quota", &other.to_string())?,
    };
    Ok(vec![total / u64::try_from(count.max(1)).unwrap_or(1); count])
}

fn ratio(field: &str, text: &str, default: &str) -> Result<String> {
    match text.parse::<f64>() {
        _ if text.is_empty() => Ok(default.into()),
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(text.into()),
        _ => Err(Error::invalid(
            format!("{LEVEL}.{field}"),
            "is not a ratio; write for instance \"0.8\"",
        )),
    }
}

/// The units of Jindo, whose steps are 1024. The large letters are of quotas that users write in
/// steps of 1000, which Fluid hands on as they are.
const UNITS: [(u64, &str); 6] = [
    (1 << 30, "g"),
    (1 << 20, "m"),
    (1 << 10, "k"),
    (10u64.pow(9), "G"),
    (10u64.pow(6), "M"),
    (10u64.pow(3), "k"),
];

/// Returns a size as it is handed to Jindo.
pub fn size(bytes: u64) -> String {
    quantity::shortest(bytes, &UNITS).unwrap_or_else(|| bytes.to_string())
}

/// Returns how many bytes Jindo fills a directory with.
fn filled(quota: u64) -> u64 {
    quantity::in_binary_steps(&size(quota)).unwrap_or(quota)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case(2 << 30, "2g")]
    #[case(3 << 29, "1536m")]
    #[case(2_000_000_000, "2G")]
    #[case(290_000_000_000, "290G")]
    #[case(0, "0")]
    fn sizes(#[case] bytes: u64, #[case] text: &str) {
        assert_eq!(super::size(bytes), text);
    }
}
