//! The option `fluid.fuse.hostvolume`: a directory of the node that the client sees, such as a cache, or
//! a file or the socket of a daemon. The client itself does not have this option.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use wasser_sdk::{DatasetSpec, Error, Result};

/// The option's name. Its value is the path, or `<path>:<where the client sees it>`.
pub const OPTION: &str = "fluid.fuse.hostvolume";

/// What the names of the volumes begin with.
pub const NAME: &str = "thin-host-volume-";

/// Returns volumes and volume mounts of the directories that options of the Dataset, its mounts or
/// the clients name.
pub fn of(dataset: &DatasetSpec, options: &BTreeMap<String, String>) -> Result<Vec<(Value, Value)>> {
    let of_mounts = dataset
        .mounts
        .iter()
        .filter_map(|mount| dataset.options_of(mount).remove(OPTION));
    let values: BTreeSet<String> = of_mounts.chain(options.get(OPTION).cloned()).collect();
    let read_only = dataset.access_modes.iter().any(|mode| mode == "ReadOnlyMany");
    let volume = |(at, text): (usize, String)| {
        let (directory, place) = text.split_once(':').unwrap_or((&text, &text));
        if [directory, place].iter().any(|path| !is_plain(path)) {
            return Err(Error::invalid(
                format!("the option {OPTION}"),
                format!(
                    "`{}` is neither an absolute path nor two of them with a colon between, without `..`",
                    text.escape_debug()
                ),
            ));
        }
        let name = format!("{NAME}{at}");
        let mut mount = json!({"name": name, "mountPath": place});
        if read_only {
            mount["readOnly"] = json!(true);
        }
        // Without a type, it may be a file.
        Ok((json!({"name": name, "hostPath": {"path": directory}}), mount))
    };
    values.into_iter().enumerate().map(volume).collect()
}

fn is_plain(path: &str) -> bool {
    let mut parts = path.split('/');
    path.starts_with('/')
        && !path.contains(':')
        && parts.clone().all(|part| part != "..")
        && parts.any(|part| !part.is_empty() && part != ".")
}
