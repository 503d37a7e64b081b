//! The images that every node has: one for the sandboxes of pods, and a shell.

use std::process::Command;

use anyhow::{Context, Result};

use super::image::Image;
use crate::machine;
use crate::machine::debian::{self, Need};

/// The image of the container that holds the namespaces of a pod.
pub const PAUSE: &str = "wasser.fluid.io/pause:1";
/// The image with a shell and the usual small programs.
pub const BUSYBOX: &str = "docker.io/library/busybox:stable";

/// Where Debian's busybox-static and bash-static are.
const BUSYBOX_PROGRAM: &str = "/bin/busybox";
const BASH_PROGRAM: &str = "/bin/bash-static";

/// A program that Debian's busybox lacks.
const MOUNTPOINT: &str = r#"#!/bin/sh
# mountpoint [-q] DIRECTORY
[ "$1" != -q ] || { quiet=1; shift; }
while read -r _ directory _; do
    [ "$directory" != "$1" ] || { [ "$quiet" ] || echo "$1 is a mountpoint"; exit 0; }
done </proc/self/mounts
[ "$quiet" ] || echo "$1 is not a mountpoint" >&2
exit 32
"#;

/// A `cat` that also reads files whose reported size is zero, such as the ones in which JuiceFS
/// reports. Busybox lets the kernel copy a file, which then copies nothing.
const CAT: &str = r#"#!/bin/sh
# cat [FILE]...
[ $# -gt 0 ] || exec busybox cat
for file; do
    if [ -f "$file" ]; then dd if="$file" bs=65536 2>/dev/null; else busybox cat "$file"; fi || exit
done
"#;

/// Returns an image that only waits until it is killed.
pub fn pause() -> Result<Image> {
    debian::require(Need::BaseImages)?;
    Ok(Image::new(PAUSE)
        .file("/busybox", BUSYBOX_PROGRAM, 0o755)
        .entrypoint(&["/busybox", "sleep", "2147483647"]))
}

/// Returns the image with busybox under all its names, and bash.
pub fn busybox() -> Result<Image> {
    debian::require(Need::BaseImages)?;
    let list =
        machine::run(Command::new(BUSYBOX_PROGRAM).arg("--list")).context("asking busybox for what it can do")?;
    let mut image =
        Image::new(BUSYBOX)
            .file("/bin/busybox", BUSYBOX_PROGRAM, 0o755)
            .file("/bin/bash", BASH_PROGRAM, 0o755);
    for applet in list
        .lines()
        .filter(|applet| !matches!(*applet, "busybox" | "bash" | "cat" | "mountpoint" | ""))
    {
        image = image.link(&format!("/bin/{applet}"), "busybox");
    }
    let image = image
        .script("/bin/mountpoint", MOUNTPOINT)
        .script("/bin/cat", CAT)
        .text(
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
        )
        .text("/etc/group", "root:x:0:\nnogroup:x:65534:\n")
        .directory("/root", 0o700)
        .directory("/tmp", 0o1777)
        .directory("/var/tmp", 0o1777)
        // Scripts use the paths that most distributions have.
        .link("/usr/bin/env", "/bin/busybox")
        .link("/usr/bin/bash", "/bin/bash");
    Ok(image.command(&["/bin/sh"]))
}
