//! Alluxio itself, with a Java runtime of this machine: the jars of its processes, commands and
//! clients, and scripts that start them as Alluxio's own image does.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::base::busybox;
use super::image::Image;
use super::image_names::image_name;
use super::programs::{libraries as linked_with, with_libraries};
use crate::machine::debian::{self, Need};
use crate::machine::paths;
use crate::machine::tools::Java;

/// The directory of the sources of the image.
const SOURCES: &str = "tests/cluster/programs/alluxio/image";
/// The library that Alluxio's client loads to mount.
const FUSE: &str = "libfuse3.so.3";

/// Parts of the C library itself since glibc 2.34; what jars bring of C is linked with them as
/// before.
const FORMER: [&str; 3] = ["libdl.so.2", "libpthread.so.0", "librt.so.1"];

/// Programs that Alluxio asks for users and groups. Those of a static busybox cannot look up names.
const LOOK_UPS: [&str; 2] = ["/usr/bin/getent", "/usr/bin/id"];

/// Returns the image of Alluxio, under the name that its plugin uses.
pub fn alluxio() -> Result<Image> {
    debian::require(Need::Alluxio)?;
    let java = Java::ensure("alluxio")?;
    let sources = paths::root().join(SOURCES);
    let mut image = busybox()?.named(&format!("docker.io/{}", image_name("alluxio", "runtime")?));
    for (name, jar) in Java::files(&java.jars)? {
        image = image.file(&format!("/opt/alluxio/lib/{name}"), jar, 0o644);
    }
    for (name, file) in Java::files(&java.runtime)?
        .into_iter()
        .filter(|(name, _)| !name.starts_with("legal/"))
    {
        let mode = if name.starts_with("bin/") || name == "lib/jspawnhelper" {
            0o755
        } else {
            0o644
        };
        image = image.file(&format!("/opt/java/{name}"), file, mode);
    }
    let mut libraries = linked_with(&java.runtime.join("bin/java"))?;
    libraries.extend(linked_with(&java.runtime.join("lib/server/libjvm.so"))?);
    let shared = libraries.iter().find(|library| library.ends_with("libc.so.6"));
    let shared = shared
        .and_then(|library| library.parent())
        .context("Java is not linked with a C library")?
        .to_owned();
    let fuse = shared.join(FUSE);
    ensure!(
        fuse.is_file(),
        "{} is not there, although {} is installed",
        fuse.display(),
        Need::Alluxio.packages().join(" ")
    );
    libraries.extend(linked_with(&fuse)?);
    for program in LOOK_UPS {
        libraries.extend(linked_with(Path::new(program))?);
        image = image.file(program, program, 0o755);
    }
    libraries.extend(
        FORMER
            .map(|name| shared.join(name))
            .into_iter()
            .filter(|path| path.is_file()),
    );
    libraries.insert(fuse);
    // The runtime finds its files from there.
    let own = libraries.iter().filter(|library| !library.starts_with(&java.runtime));
    image = with_libraries(image, own);
    Ok(image
        .text("/etc/nsswitch.conf", "hosts: files dns\n")
        .file("/entrypoint.sh", sources.join("entrypoint.sh"), 0o755)
        .file("/opt/alluxio/bin/alluxio", sources.join("alluxio"), 0o755)
        .link("/usr/local/bin/alluxio", "/opt/alluxio/bin/alluxio")
        .file(
            "/opt/alluxio/integration/fuse/bin/alluxio-fuse",
            sources.join("alluxio-fuse"),
            0o755,
        )
        .directory("/opt/alluxio/conf", 0o777)
        .file(
            "/opt/alluxio/conf/log4j2.properties",
            sources.join("log4j2.properties"),
            0o644,
        )
        // The web servers do not start without it.
        .directory("/opt/alluxio/webui/master/build", 0o755)
        .directory("/opt/alluxio/webui/worker/build", 0o755)
        .directory("/opt/alluxio/metastore", 0o777)
        .workdir("/opt/alluxio")
        .entrypoint(&["/entrypoint.sh"]))
}

#[cfg(test)]
mod tests {
    /// Corrections of a minor version answer commands in the same words.
    #[test]
    fn the_jars_are_of_the_minor_version_that_the_registration_names() {
        let name = super::image_name("alluxio", "runtime").unwrap();
        let pom = std::fs::read_to_string(crate::machine::paths::root().join("tests/cluster/programs/alluxio/pom.xml"))
            .unwrap();
        let (_, version) = name.rsplit_once(':').unwrap();
        let (minor, _) = version.rsplit_once('.').unwrap();
        assert!(pom.contains(&format!("<alluxio.version>{minor}.")), "{name}");
    }
}
