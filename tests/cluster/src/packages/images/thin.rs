//! The images of the ThinRuntime profiles in `docs/profiles`, made of Debian's packages as in their
//! Dockerfiles, but without Docker; and a server for one of them.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::base::busybox;
use super::image::Image;
use super::programs::with_programs;
use crate::machine::debian::{self, Need};
use crate::machine::paths;

/// A server for clients that mount by SSH.
const SSH_SERVER: &str = "wasser.fluid.io/e2e-sshd:1";

/// Returns the images of all profiles, and of the SSH server that their test uses.
pub fn thin() -> Result<Vec<Image>> {
    debian::require(Need::Thin)?;
    Ok(vec![
        profile("s3fs", &["/usr/bin/s3fs", "/usr/bin/jq"])?,
        profile("sshfs", &["/usr/bin/sshfs", "/usr/bin/ssh", "/usr/bin/jq"])?,
        ssh_server()?,
    ])
}

/// Returns the image that a profile names, with these programs and the profile's scripts.
fn profile(name: &str, programs: &[&str]) -> Result<Image> {
    let directory = paths::root().join("docs/profiles");
    let path = directory.join(name).join("profile.yaml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let profile: Profile = yaml_serde::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    let image = busybox()?
        .named(&format!("{}:{}", profile.spec.fuse.image, profile.spec.fuse.image_tag))
        .file("/usr/local/bin/keep-mounted", directory.join("keep-mounted"), 0o755)
        .file(
            "/usr/local/bin/mount-source",
            directory.join(name).join("mount-source"),
            0o755,
        )
        .entrypoint(&["keep-mounted"])
        .command(&[]);
    with_programs(image, programs)
}

/// Returns the image of an SSH server, which is given its port by arguments.
fn ssh_server() -> Result<Image> {
    let image = busybox()?
        .named(SSH_SERVER)
        .text(
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nsshd:x:100:65534:sshd:/run/sshd:/bin/false\n",
        )
        .directory("/run/sshd", 0o755)
        .entrypoint(&["/usr/sbin/sshd"])
        .command(&["-D", "-e"]);
    with_programs(image, &["/usr/sbin/sshd", "/usr/bin/ssh-keygen"])
}

/// The part of a profile that is of interest here.
#[derive(Deserialize)]
struct Profile {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    fuse: Fuse,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fuse {
    image: String,
    image_tag: String,
}
