//! The tiered store: the memory of each daemon, and what it spills to when that fills up.

use serde_json::{Map, Value, json};
use wasser_api::quantity;
use wasser_sdk::spec::Level;
use wasser_sdk::{Error, Result};

use crate::text::check_line;

/// The volume of what is spilled.
pub const VOLUME: &str = "spill";
const GIB: u64 = 1 << 30;
const MEMORY: &str = "MEM";

/// The memory of a daemon, and what it spills to.
#[derive(Debug)]
pub struct Store {
    /// Bytes of memory.
    pub size: u64,
    /// Where to spill; `None` if nothing is spilled.
    pub spill: Option<Spill>,
}

/// What a daemon spills to.
#[derive(Debug)]
pub struct Spill {
    /// The directory in its container.
    pub path: String,
    /// The volume there.
    pub volume: Value,
    /// The share of memory down to which is spilled.
    pub low: Option<f64>,
    /// The share of memory from which on is spilled.
    pub high: Option<f64>,
}

impl Store {
    /// Reads the levels. Without one in memory, 4 GiB. `owner` is `<namespace>/<name>`, which
    /// separates runtimes on a node.
    pub fn of(levels: &[Level], owner: &str) -> Result<Self> {
        let (mut memory, mut disk) = (None, None);
        for (at, level) in levels.iter().enumerate() {
            let field = format!("VineyardRuntime.spec.tieredstore.levels[{at}]");
            let place = match level.medium.as_str() {
                MEMORY => &mut memory,
                "SSD" | "HDD" => &mut disk,
                _ => {
                    return Err(Error::invalid(
                        format!("{field}.mediumtype"),
                        "is none of MEM, SSD, HDD",
                    ));
                }
            };
            if place.replace((field.clone(), level)).is_some() {
                let message = "is a second level of its kind; a daemon has one in memory, and one that it spills to";
                return Err(Error::invalid(format!("{field}.mediumtype"), message));
            }
        }
        let size = match &memory {
            Some((field, level)) => quota(field, level)?.unwrap_or(4 * GIB),
            None => 4 * GIB,
        };
        let rates = match &memory {
            Some((field, level)) => rates(field, level)?,
            None => (None, None),
        };
        let spill = disk
            .map(|(field, level)| Spill::of(&field, level, owner, rates))
            .transpose()?;
        Ok(Store { size, spill })
    }
}

impl Spill {
    fn of(field: &str, level: &Level, owner: &str, (low, high): (Option<f64>, Option<f64>)) -> Result<Self> {
        let path = directory(&format!("{field}.path"), &level.path)?;
        let mut volume = Map::from_iter([("name".to_owned(), VOLUME.into())]);
        match (level.volume_type.as_str(), &level.volume_source) {
            (_, Some(Value::Object(source))) if !source.is_empty() => volume.extend(source.clone()),
            ("" | "hostPath", _) => {
                let directory = json!({"path": format!("{path}/{owner}"), "type": "DirectoryOrCreate"});
                volume.insert("hostPath".to_owned(), directory);
            }
            ("emptyDir", _) => {
                // A daemon has no bound for what it spills: beyond the limit its pod is evicted.
                let limit = quota(field, level)?.map(quantity::with_slack);
                let limit = limit.map(|bytes| json!({"sizeLimit": quantity::of_bytes(bytes)}));
                volume.insert("emptyDir".to_owned(), limit.unwrap_or_else(|| json!({})));
            }
            _ => {
                let message = "is neither hostPath nor emptyDir";
                return Err(Error::invalid(format!("{field}.volumeType"), message));
            }
        }
        Ok(Spill {
            path,
            volume: volume.into(),
            low,
            high,
        })
    }
}

/// Returns a directory without a slash at its end.
fn directory(field: &str, path: &str) -> Result<String> {
    check_line(field, path)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    let trimmed = path.trim_end_matches('/');
    if !path.starts_with('/') || trimmed.is_empty() || path.contains("..") || !path.chars().all(plain) {
        let path = path.escape_debug();
        let message = format!("`{path}` is not one absolute directory of letters, digits and `_.-/`");
        return Err(Error::invalid(field, message));
    }
    Ok(trimmed.to_owned())
}

/// Returns the size of a level; `None` if it has none.
fn quota(field: &str, level: &Level) -> Result<Option<u64>> {
    let Some((name, size)) = level.size() else {
        return Ok(None);
    };
    match size {
        Some(bytes) if bytes > 0 => Ok(Some(bytes)),
        _ => {
            let message = "is not a quantity; write one, for instance `20Gi`";
            Err(Error::invalid(format!("{field}.{name}"), message))
        }
    }
}

/// Returns the shares of memory down to which, and from which on, is spilled.
fn rates(field: &str, level: &Level) -> Result<(Option<f64>, Option<f64>)> {
    let rate = |name: &str, text: &str| match text.parse::<f64>() {
        _ if text.is_empty() => Ok(None),
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(Some(rate)),
        _ => {
            let message = "is not a ratio; write for instance \"0.8\"";
            Err(Error::invalid(format!("{field}.{name}"), message))
        }
    };
    let (low, high) = (rate("low", &level.low)?, rate("high", &level.high)?);
    if low.unwrap_or(0.0) > high.unwrap_or(1.0) {
        return Err(Error::invalid(
            format!("{field}.low"),
            "is above high; it is what is spilled down to",
        ));
    }
    Ok((low, high))
}
