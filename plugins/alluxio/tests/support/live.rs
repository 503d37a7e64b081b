//! A runtime whose Dataset is in use.
#![allow(clippy::unwrap_used, reason = "a test may")]

use serde_json::{Value, json};
use wasser_sdk::testing::FakeHost;
use wasser_sdk::{Context, UfsChange};

use super::{KIT, Spec};

/// The pod of the master.
pub const MASTER: &str = "demo-master-0";

/// Returns a mount of a bucket of this name, at a path of this name.
pub fn mount(name: &str) -> Value {
    json!({"mountPoint": format!("s3://{name}"), "name": name})
}

/// Returns a runtime whose mounts were made, with these mounts in the status and those in the spec.
pub fn live(shown: &[Value], wanted: &[Value], by_commands: bool) -> Context<Spec> {
    let mut documents = KIT.pair(json!({"mounts": wanted}), json!({}));
    documents[0]["status"] = json!({"mounts": shown});
    documents[1]["status"] = json!({"mountTime": "2026-01-01T00:00:00Z"});
    if by_commands {
        documents.push(json!({"kind": "Settings", "data": {"mount-config-storage": "secret"}}));
    }
    KIT.context(&documents).unwrap()
}

/// Returns the paths that are added, removed and changed.
pub fn paths(change: &UfsChange) -> [Vec<&str>; 3] {
    let [added, removed] = [&change.added, &change.removed].map(|mounts| mounts.keys().map(String::as_str).collect());
    [added, removed, change.changed.keys().map(String::as_str).collect()]
}

/// Returns a host with a master that is ready.
pub fn master() -> FakeHost {
    FakeHost::new().pod("master", MASTER, true)
}
