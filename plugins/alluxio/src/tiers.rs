//! The tiered store: where the cache is and how large it may become.

use serde_json::{Map, Value, json};
use wasser_api::quantity;
use wasser_sdk::spec::Level;
use wasser_sdk::{Context, Error, Result};

use crate::input::Spec;
use crate::text;

/// All levels, the fastest first.
#[derive(Debug, Clone, Default)]
pub struct Tiers {
    /// The levels.
    pub levels: Vec<Tier>,
    /// Whether the runtime asks for them. Those that nobody asked for are not requested of nodes.
    pub given: bool,
}

/// One level.
#[derive(Debug, Clone)]
pub struct Tier {
    /// `MEM`, `SSD` or `HDD`.
    pub medium: String,
    /// The directories of this runtime, absolute.
    pub directories: Vec<Directory>,
    /// The volume of the directories.
    pub volume: Volume,
    /// The share from which on blocks are evicted.
    pub high: String,
    /// The share down to which blocks are evicted.
    pub low: String,
}

/// A directory of a level.
#[derive(Debug, Clone)]
pub struct Directory {
    /// Its path, in the pods as on the node.
    pub path: String,
    /// Its size in bytes, as the user gives it.
    pub quota: u64,
}

impl Directory {
    /// Returns how many bytes Alluxio fills it with.
    fn filled(&self) -> u64 {
        quantity::in_binary_steps(&alluxio_size(self.quota)).unwrap_or(self.quota)
    }
}

/// What a level's directories are.
#[derive(Debug, Clone, PartialEq)]
pub enum Volume {
    /// Directories of the node.
    HostPath,
    /// Directories that go with the pod.
    EmptyDir,
    /// What the user wrote.
    Source(Value),
}

const MEDIA: [&str; 3] = ["MEM", "SSD", "HDD"];

impl Tiers {
    /// Reads `spec.tieredstore`. Without one, workers have a small cache in memory: the shared
    /// memory that a container has by itself would not hold a block.
    pub fn of(ctx: &Context<Spec>) -> Result<Self> {
        if ctx.runtime.spec.tiered_store.levels.is_empty() {
            return Ok(Tiers {
                levels: vec![Tier::usual()],
                given: false,
            });
        }
        let mut levels = Vec::new();
        for (at, level) in ctx.runtime.spec.tiered_store.levels.iter().enumerate() {
            let tier = Tier::of(ctx, &format!("AlluxioRuntime.spec.tieredstore.levels[{at}]"), level)?;
            levels.push(tier);
        }
        levels.sort_by_key(|tier| MEDIA.iter().position(|medium| *medium == tier.medium));
        if let Some(twice) = levels.windows(2).find_map(|pair| match pair {
            [a, b] if a.medium == b.medium => Some(&a.medium),
            _ => None,
        }) {
            let message = format!("has two levels of {twice}; put their directories into one, separated by commas");
            return Err(Error::invalid("AlluxioRuntime.spec.tieredstore.levels", message));
        }
        Ok(Tiers { levels, given: true })
    }

    /// Returns bytes of cache that are memory of the pod, as far as the runtime asks for them.
    pub fn memory(&self) -> u64 {
        let memory = self.levels.iter().filter(|tier| self.given && tier.medium == "MEM");
        memory
            .flat_map(|tier| &tier.directories)
            .map(Directory::filled)
            .fold(0, u64::saturating_add)
    }

    /// Reports whether clients on a worker's node can read its cache from the directories.
    pub fn reach_clients(&self) -> bool {
        self.levels.iter().all(|tier| tier.volume == Volume::HostPath)
    }

    /// Returns all directories.
    pub fn directories(&self) -> impl Iterator<Item = &Directory> {
        self.levels.iter().flat_map(|tier| &tier.directories)
    }

    /// Returns the levels as the values have them.
    pub fn values(&self) -> Vec<Value> {
        let one = |(number, tier): (usize, &Tier)| {
            let join = |text: fn(&Directory) -> String| tier.directories.iter().map(text).collect::<Vec<_>>().join(",");
            let mut level = json!({
                "level": number,
                "alias": tier.medium,
                "mediumtype": vec![tier.medium.as_str(); tier.directories.len()].join(","),
                "type": match tier.volume { Volume::HostPath => "hostPath", Volume::EmptyDir => "emptyDir",
                    Volume::Source(_) => "volumeSource" },
                "path": join(|directory| directory.path.clone()),
                "quota": join(|directory| alluxio_size(directory.quota)),
            });
            for (key, ratio) in [("high", &tier.high), ("low", &tier.low)] {
                if !ratio.is_empty() {
                    level[key] = ratio.as_str().into();
                }
            }
            level
        };
        self.levels.iter().enumerate().map(one).collect()
    }

    /// Returns the volumes of the directories, and where containers mount them.
    pub fn volumes(&self) -> (Vec<Value>, Vec<Value>) {
        let (mut volumes, mut mounts) = (Vec::new(), Vec::new());
        for tier in &self.levels {
            let medium = tier.medium.to_lowercase();
            for (at, directory) in tier.directories.iter().enumerate() {
                let name = if tier.directories.len() == 1 {
                    medium.clone()
                } else {
                    format!("{medium}-{at}")
                };
                let mut volume = match &tier.volume {
                    Volume::HostPath => json!({"hostPath": {"path": directory.path, "type": "DirectoryOrCreate"}}),
                    Volume::EmptyDir => {
                        let (medium, limit) = match tier.medium.as_str() {
                            "MEM" => ("Memory", directory.filled()),
                            _ => ("", quantity::with_slack(directory.filled())),
                        };
                        json!({"emptyDir": {"medium": medium, "sizeLimit": limit.to_string()}})
                    }
                    Volume::Source(source) => source.clone(),
                };
                volume["name"] = name.as_str().into();
                volumes.push(volume);
                mounts.push(json!({"name": name, "mountPath": directory.path}));
            }
        }
        (volumes, mounts)
    }
}

impl Tier {
    /// Returns the level of runtimes that name none.
    fn usual() -> Self {
        Tier {
            medium: "MEM".into(),
            directories: vec![Directory {
                path: "/dev/shm".into(),
                quota: 1 << 30,
            }],
            volume: Volume::EmptyDir,
            high: "0.95".into(),
            low: "0.7".into(),
        }
    }

    fn of(ctx: &Context<Spec>, field: &str, level: &Level) -> Result<Self> {
        if !MEDIA.contains(&level.medium.as_str()) {
            return Err(Error::invalid(
                format!("{field}.mediumtype"),
                "is none of MEM, SSD, HDD",
            ));
        }
        let paths = paths(field, level)?;
        let quotas = quotas(field, level, paths.len())?;
        for (key, ratio) in [("high", &level.high), ("low", &level.low)] {
            let fits = |ratio: &str| {
                ratio
                    .trim()
                    .parse::<f64>()
                    .is_ok_and(|ratio| (0.0..=1.0).contains(&ratio))
            };
            if !ratio.is_empty() && !fits(ratio) {
                let message = format!("`{}` is not a ratio; write for instance \"0.9\"", ratio.escape_debug());
                return Err(Error::invalid(format!("{field}.{key}"), message));
            }
        }
        let own = |path: String| format!("{}/{}/{}", path.trim_end_matches('/'), ctx.namespace, ctx.name);
        let directories = paths.into_iter().map(own).zip(quotas);
        Ok(Tier {
            medium: level.medium.clone(),
            directories: directories.map(|(path, quota)| Directory { path, quota }).collect(),
            volume: volume(field, level)?,
            high: level.high.trim().to_string(),
            low: level.low.trim().to_string(),
        })
    }
}

fn paths(field: &str, level: &Level) -> Result<Vec<String>> {
    let field = format!("{field}.path");
    let split = level.path.split(',').map(str::trim).filter(|path| !path.is_empty());
    let paths: Vec<String> = split.map(str::to_string).collect();
    if paths.is_empty() {
        return Err(Error::invalid(
            field,
            "is empty; name a directory, for instance /dev/shm",
        ));
    }
    for (at, path) in paths.iter().enumerate() {
        text::check_path(&field, path)?;
        // The containers take all directories together, as one word.
        let plain = |c: char| c.is_ascii_alphanumeric() || "/_.-+@%=~".contains(c);
        if let Some(c) = path.chars().find(|c| !plain(*c)) {
            let message = format!(
                "`{}` has the character {c:?}; write directories with letters, digits and _.-+@%=~ only, and commas \
                 between several",
                path.escape_debug()
            );
            return Err(Error::invalid(field, message));
        }
        if path.trim_matches('/').is_empty() {
            return Err(Error::invalid(
                field,
                "is the root of the node's file system; name a directory",
            ));
        }
        let same = |other: &String| {
            other
                .split('/')
                .filter(|part| !part.is_empty())
                .eq(path.split('/').filter(|part| !part.is_empty()))
        };
        if paths.iter().take(at).any(same) {
            return Err(Error::invalid(
                field,
                format!("names `{path}` twice; name each directory once"),
            ));
        }
    }
    Ok(paths)
}

/// Returns the size of each directory: its own, or its part of the level's.
fn quotas(field: &str, level: &Level, directories: usize) -> Result<Vec<u64>> {
    let wrong = |key: &str, text: &str| {
        Error::invalid(
            format!("{field}.{key}"),
            format!(
                "`{}` is not a quantity; write for instance `100Gi`",
                text.escape_debug()
            ),
        )
    };
    if level.quota_list.is_empty() {
        let missing = || {
            Error::invalid(
                format!("{field}.quota"),
                "is missing; say how large the level is, for instance `100Gi`",
            )
        };
        let quota = level.quota.as_ref().ok_or_else(missing)?;
        let bytes = quantity::bytes(quota).ok_or_else(|| wrong("quota", &quota.to_string()))?;
        let parts = u64::try_from(directories).unwrap_or(1).max(1);
        return Ok(vec![bytes / parts; directories]);
    }
    let quotas: Vec<&str> = level.quota_list.split(',').map(str::trim).collect();
    if quotas.len() != directories {
        let message = format!(
            "has {} quotas, but path has {directories} directories; write one quota for each, separated by commas",
            quotas.len()
        );
        return Err(Error::invalid(format!("{field}.quotaList"), message));
    }
    let bytes = |quota: &&str| quantity::bytes_of(quota).ok_or_else(|| wrong("quotaList", quota));
    quotas.iter().map(bytes).collect()
}

fn volume(field: &str, level: &Level) -> Result<Volume> {
    match (&level.volume_source, level.volume_type.as_str()) {
        (Some(source), _)
            if source
                .as_object()
                .is_some_and(|source: &Map<String, Value>| !source.is_empty()) =>
        {
            Ok(Volume::Source(source.clone()))
        }
        (_, "" | "hostPath") => Ok(Volume::HostPath),
        (_, "emptyDir") => Ok(Volume::EmptyDir),
        (_, other) => Err(Error::invalid(
            format!("{field}.volumeType"),
            format!("`{}` is neither hostPath nor emptyDir", other.escape_debug()),
        )),
    }
}

/// The units of Alluxio, whose steps are 1024. Those without a `B` are of quotas that users write in
/// steps of 1000, which Fluid hands on as they are, and Alluxio takes for the same steps of 1024.
const UNITS: [(u64, &str); 9] = [
    (1 << 50, "PB"),
    (1 << 40, "TB"),
    (1 << 30, "GB"),
    (1 << 20, "MB"),
    (1 << 10, "KB"),
    (10u64.pow(12), "T"),
    (10u64.pow(9), "G"),
    (10u64.pow(6), "M"),
    (10u64.pow(3), "k"),
];

/// Returns a size as it is handed to Alluxio.
pub fn alluxio_size(bytes: u64) -> String {
    quantity::shortest(bytes, &UNITS).unwrap_or_else(|| format!("{bytes}B"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case(2 << 30, "2GB")]
    #[case(3 << 29, "1536MB")]
    #[case(1_500_000_000, "1500M")]
    #[case(100_000_000_000, "100G")]
    #[case(64_000_000, "64M")]
    #[case(1_024_000_000, "1024M")]
    #[case(1000 << 20, "1000MB")]
    #[case(33_333_333_333, "33333333333B")]
    #[case(0, "0B")]
    #[case(1 << 50, "1PB")]
    fn sizes(#[case] bytes: u64, #[case] text: &str) {
        assert_eq!(super::alluxio_size(bytes), text);
    }
}
