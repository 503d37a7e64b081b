//! The scripts of a master's pod, in a sandbox with a program in Alluxio's place.
#![allow(clippy::unwrap_used, reason = "a test may")]

use serde_json::Value;
use wasser_testkit::Helm;
use wasser_testkit::scripts::{Ran, Sandbox};

use super::KIT;

/// What is of the container in the scripts' paths.
const ROOTS: &[&str] = &[
    "/etc/fluid/",
    "/entrypoint.sh",
    "/opt/alluxio/",
    "/proc/1/fd/1",
    "/dev/termination-log",
];

/// Returns the files of a master's pod for these values.
pub async fn master(values: &Value) -> Sandbox {
    master_by(&KIT.helm(), values).await
}

/// Returns the same, with an engine that has been started.
pub async fn master_by(helm: &Helm, values: &Value) -> Sandbox {
    let sandbox = Sandbox::new(ROOTS);
    let rendered = helm.render(values).await.unwrap();
    let data = rendered.objects.iter().find_map(|object| {
        let data = object.data.get("data")?;
        data.get("mount.script").and(data.as_object())
    });
    for (key, text) in data.unwrap() {
        let name = key.replace(".script", ".sh");
        sandbox.file(&format!("/etc/fluid/scripts/{name}"), text.as_str().unwrap());
    }
    sandbox.file("/opt/alluxio/conf/alluxio-env.sh.template", "");
    sandbox.file("/dev/termination-log", "");
    sandbox.file("/proc/1/fd/1", "");
    sandbox.program_at("/entrypoint.sh", "");
    sandbox.program("alluxio", "");
    sandbox
}

/// What a script asked of Alluxio, a line each.
pub fn asked(ran: &Ran) -> Vec<String> {
    ran.of("alluxio").iter().map(|call| call.join(" ")).collect()
}
