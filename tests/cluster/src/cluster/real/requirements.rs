//! The requirements of a real node.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::cgroup;
use crate::machine;
use crate::machine::debian::Need;

/// Devices that the kubelet and the clients of caches need, and what happens without them.
const DEVICES: [(&str, &str); 2] = [
    ("/dev/fuse", "clients cannot mount anything (try: modprobe fuse)"),
    ("/dev/kmsg", "the kubelet does not start (in a container, pass it in)"),
];

/// Returns the first requirement that this machine does not meet. `None` if it can have a real
/// node.
pub fn unmet_requirement() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("it needs Linux".to_owned());
    }
    if !machine::is_root() {
        let why = "it needs root, to make namespaces and mounts \
                   (try: sudo -E env PATH=\"$PATH\" cargo xtask …)";
        return Some(why.to_owned());
    }
    for (device, consequence) in DEVICES {
        if !Path::new(device).exists() {
            return Some(format!("there is no {device}, without which {consequence}"));
        }
    }
    if !machine::has_program("apt-get") {
        let needed = [
            "containerd",
            "runc",
            "conntrack",
            "iptables",
            "ip",
            "busybox",
            "bash-static",
        ];
        let missing: Vec<&str> = needed
            .into_iter()
            .filter(|program| !machine::has_program(program))
            .collect();
        if !missing.is_empty() {
            return Some(format!(
                "there is no apt-get to install {} with, and these are missing: {}",
                Need::Node.packages().join(", "),
                missing.join(", ")
            ));
        }
    }
    namespaces().or_else(cgroups)
}

/// Checks by an attempt that namespaces can be created and file systems mounted in them, because
/// containers and security modules forbid it in many ways.
fn namespaces() -> Option<String> {
    let attempt = "mount -t tmpfs tmpfs /mnt && mount -t proc proc /proc";
    let tried = Command::new("unshare")
        .args([
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--propagation=private",
            "sh",
            "-c",
            attempt,
        ])
        .stdin(Stdio::null())
        .output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Some(format!(
                "namespaces with their own mounts cannot be created ({}); in a container, run it privileged",
                said.trim()
            ))
        }
        Err(error) => Some(format!("the program unshare does not start: {error}")),
    }
}

fn cgroups() -> Option<String> {
    let hierarchies = match cgroup::hierarchies() {
        Ok(hierarchies) if hierarchies.is_empty() => {
            return Some("no cgroups are mounted at /sys/fs/cgroup".to_owned());
        }
        Ok(hierarchies) => hierarchies,
        Err(error) => return Some(format!("{error:#}")),
    };
    for hierarchy in hierarchies {
        let probe = hierarchy.join(format!("wasser-probe-{}", std::process::id()));
        if let Err(error) = fs::create_dir(&probe).and_then(|()| fs::remove_dir(&probe)) {
            return Some(format!(
                "cgroups cannot be made in {} ({error}); in a container, run it privileged",
                hierarchy.display()
            ));
        }
    }
    let missing = cgroup::missing_controllers();
    (!missing.is_empty()).then(|| {
        format!(
            "the cgroup controllers {} cannot be enabled below /sys/fs/cgroup",
            missing.join(", ")
        )
    })
}
