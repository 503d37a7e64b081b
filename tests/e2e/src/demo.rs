//! A Dataset `demo` on JuiceFS, on a real node, with Wasser installed by its chart.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::manifests::{dataset, runtime, secret, with, with_store};
use crate::tools::try_kubectl;
use crate::{Installed, User, pods};

/// A directory of the node for the objects of the file system, so that workers, fuse pods and their
/// successors have the same.
const STORE: &str = "/var/lib/wasser-e2e";

/// The label of fuse pods.
const FUSE: &str = "role=juicefs-fuse";

/// Installs Wasser, and a Dataset `demo` on the file system in the database with this number.
pub async fn bound(name: &str, database: u8, change: impl FnOnce(Value) -> Value) -> Installed {
    let installed = Installed::start(name).await;
    installed.apply(&secret(database)).await;
    let runtime = with_store(runtime("demo"), &format!("{STORE}/{database}-{}", installed.namespace));
    // However full the disk is.
    let runtime = with(runtime, "/spec/tieredstore/levels/0/low", json!("0.01"));
    installed.apply(&dataset("demo")).await;
    installed.apply(&change(runtime)).await;
    installed.bound("demo").await;
    installed
}

/// Ends the pods, the Dataset and the namespace, and sees to it that nothing is left.
pub async fn end(installed: Installed) {
    installed.end_with("demo", &["jfs-secret"]).await;
}

/// A pod that mounts the Dataset. `mount` is added to the name and path of its volume mount.
pub fn pod(name: &str, mount: Value) -> Value {
    pods::pod(name, "demo", mount)
}

impl User {
    /// The fuse pods that there are and are not being deleted.
    pub async fn fuse_pods(&self) -> BTreeSet<String> {
        self.pods_with(FUSE).await
    }

    /// Deletes the fuse pods at once, and waits until others have come and this pod reads this
    /// file.
    pub async fn replace_fuse_pods(&self, pod: &str, file: &str) {
        self.replace_pods(FUSE).await;
        let read = ["exec", "-n", &self.namespace, pod, "-c", "user", "--", "cat", file];
        self.eventually(&format!("{pod} reads {file} through the next fuse pod"), || async {
            try_kubectl(&read).await.then_some(())
        })
        .await;
    }
}
