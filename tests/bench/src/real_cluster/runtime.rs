//! The runtimes whose clients `volume` kills.

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;
use wasser_test_cluster::machine::debian::Need;
use wasser_test_cluster::packages::images::{self, Image};

/// What serves the Dataset of a real node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// JuiceFS, on a directory of the node
    Juicefs,
    /// ThinRuntime with the profile of s3fs, on an S3 server of this machine
    Thin,
    /// Alluxio, on a directory of the node
    Alluxio,
}

impl Runtime {
    /// Returns what it needs of this machine, besides what JuiceFS needs.
    pub const fn needs(self) -> &'static [Need] {
        match self {
            Self::Juicefs => &[],
            Self::Thin => &[Need::Thin, Need::Http],
            Self::Alluxio => &[Need::Maven, Need::Java, Need::Alluxio],
        }
    }

    /// Returns the images of its pods.
    pub fn images(self) -> Result<Vec<Image>> {
        match self {
            Self::Juicefs => Ok(vec![images::juicefs()?]),
            Self::Thin => images::thin(),
            Self::Alluxio => Ok(vec![images::alluxio()?]),
        }
    }

    /// Returns the values of the chart that it needs.
    pub fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Juicefs | Self::Thin => &[],
            // Each look at its cache starts a Java machine, which keeps a processor busy.
            Self::Alluxio => &["runtime.syncRetryDuration=10s"],
        }
    }

    /// Returns the role of the pods that mount the Dataset.
    pub fn role(self) -> &'static str {
        match self {
            Self::Juicefs => "juicefs-fuse",
            Self::Thin => "thin-fuse",
            Self::Alluxio => "alluxio-fuse",
        }
    }

    /// Returns parts of the command lines of clients of its file system: of those that mount the
    /// Dataset, and for JuiceFS of workers as well.
    pub fn client(self) -> &'static [&'static str] {
        match self {
            Self::Juicefs => &["juicefs", "/runtime-mnt/", "juicefs-fuse"],
            Self::Thin => &["s3fs ", "/runtime-mnt/", "thin-fuse"],
            Self::Alluxio => &["java ", "alluxio.fuse.AlluxioFuse", "/runtime-mnt/"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_from_what_starts_it() {
        let is_client = |runtime: Runtime, line: &str| runtime.client().iter().all(|part| line.contains(part));
        let mount = "/runtime-mnt/thin/default/demo/thin-fuse";
        assert!(is_client(Runtime::Thin, &format!("s3fs bench {mount} -f ")));
        let script = format!("/bin/sh /usr/local/bin/mount-source s3://bench {mount} allow_other ");
        assert!(!is_client(Runtime::Thin, &script));
        let options = "alluxio.fuse.AlluxioFuse -m /runtime-mnt/alluxio/default/demo/alluxio-fuse -a / ";
        assert!(is_client(
            Runtime::Alluxio,
            &format!("/opt/java/bin/java -Xmx256m {options}")
        ));
        assert!(!is_client(
            Runtime::Alluxio,
            &format!("/bin/bash /usr/local/bin/alluxio run fuse {options}")
        ));
    }
}
