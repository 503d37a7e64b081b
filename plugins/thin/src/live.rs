//! What of a changed Dataset, runtime or profile reaches a release that is already installed.

use serde_json::Value;
use wasser_sdk::UfsChange;

use crate::config::{Config, MountConfig};
use crate::values::Values;

/// Returns the mounts that come and go between the installed config.json and the one that is
/// wanted, by where they appear. One that changed comes again.
pub fn change(installed: &Value, wanted: &Values) -> UfsChange {
    let before = config(
        installed
            .pointer("/fuse/configValue")
            .and_then(Value::as_str)
            .unwrap_or_default(),
    );
    let after = config(&wanted.fuse.config_value);
    let places = |of: &Config, without: &Config, same: fn(&MountConfig, &MountConfig) -> bool| {
        let missing = |mount: &&MountConfig| !without.mounts.iter().any(|other| same(mount, other));
        of.mounts.iter().filter(missing).map(MountConfig::place).collect()
    };
    UfsChange {
        added: places(&after, &before, |a, b| a == b),
        removed: places(&before, &after, |a, b| a.place() == b.place()),
    }
}

/// Reads a config.json. One that does not parse was not written by this plugin, and counts as
/// missing.
fn config(text: &str) -> Config {
    serde_json::from_str(text).unwrap_or_default()
}

/// Adapts `values`, which are those of a new release, to the one that is `installed`: the fuse node
/// selector stays, since changing it would take the pods away from nodes where applications use
/// them.
pub fn adapt(mut values: Values, installed: &Value) -> Values {
    if let Some(selector) = installed.pointer("/fuse/nodeSelector").and_then(Value::as_object) {
        let strings = selector
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        values.fuse.pod.node_selector = strings.collect();
    }
    values
}
