//! The release of Wasser's chart.

use crate::expect::PATIENCE;
use crate::{environment, tools};

/// The release, and where it is.
pub const RELEASE: &str = "wasser";
/// The namespace of the release.
pub const SYSTEM: &str = "wasser-system";

/// `helm upgrade --install`, with what a test wants faster than users do, and what it asks for.
pub async fn install(options: &[&str]) {
    let chart = environment::chart().display().to_string();
    let timeout = format!("--timeout={}s", PATIENCE.as_secs());
    let arguments = [
        "upgrade",
        "--install",
        RELEASE,
        &chart,
        "--namespace",
        SYSTEM,
        "--create-namespace",
        "--wait",
        &timeout,
        // The CRDs may be there, of a test that has applied them itself.
        "--take-ownership",
        "--set=operator.replicas=1,runtime.syncRetryDuration=2s",
        "--set=operator.logLevel=info\\,wasser_engine=debug,csi.logLevel=info\\,wasser_csi=debug",
    ];
    tools::helm(&[&arguments, options].concat()).await;
}

/// Installs the node plugin alone, for an operator that is a process of this machine, with the right to
/// read the runtimes of one more kind.
pub async fn install_node_plugin(kind: &str) {
    let runtimes = format!("--set=rbac.runtimes.{kind}=true");
    install(&["--set=operator.replicas=0,webhook.enabled=false", &runtimes]).await;
}

/// `helm uninstall`; nothing where it is not installed.
pub async fn uninstall() {
    tools::helm(&[
        "uninstall",
        RELEASE,
        "--namespace",
        SYSTEM,
        "--ignore-not-found",
        "--wait",
    ])
    .await;
}
