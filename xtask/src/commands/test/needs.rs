//! What the tests of some files need in addition to what all need: images that no registry has,
//! servers, and compilers.

use std::ffi::OsString;

use anyhow::Result;
use wasser_test_cluster::Cluster;
use wasser_test_cluster::machine::debian::{self, Need};
use wasser_test_cluster::machine::paths;
use wasser_test_cluster::machine::tools::{javascript_packages, python_environment};
use wasser_test_cluster::packages::images::{self, Image};

/// The variable that names an S3 server, with the keys of its administrator.
const S3: &str = "WASSER_S3";

/// The tests of the guide's plugins in Rust, Python and JavaScript on a cluster.
const RUST: &str = "guide_rust";
const PYTHON: &str = "guide_python";
const JAVASCRIPT: &str = "guide_javascript";

/// Whether the tests of a file have what they need.
pub enum Met {
    /// They have, and these variables name it.
    With(Vec<(&'static str, OsString)>),
    /// They do not, and are left out for this reason.
    Not(String),
}

/// Provides a cluster with what the tests of a file need.
pub fn meet(cluster: &Cluster, file: &str) -> Result<Met> {
    let templates = paths::root().join("host/author/templates");
    let installed = match file {
        PYTHON => python_environment(&templates.join("python/requirements.txt")).map(drop),
        JAVASCRIPT => javascript_packages(&templates.join("js/package.json")).map(drop),
        _ => Ok(()),
    };
    match installed {
        Ok(()) => servers(cluster, file),
        Err(error) => Ok(Met::Not(format!("{error:#}"))),
    }
}

/// Provides a cluster with images and servers. That of `KUBECONFIG` cannot be given any.
fn servers(cluster: &Cluster, file: &str) -> Result<Met> {
    let images: fn() -> Result<Vec<Image>> = match file {
        "alluxio_real" | "alluxio_s3" => || Ok(vec![images::alluxio()?]),
        RUST | PYTHON | JAVASCRIPT => images::guide,
        "jindo_real" => images::jindo,
        "thin_real" => images::thin,
        "operations_real" => || Ok(Vec::new()),
        _ => return Ok(Met::With(Vec::new())),
    };
    if cluster.state().is_none() {
        let why = "its images and servers come only with a cluster of this project";
        return Ok(Met::Not(why.to_owned()));
    }
    for image in images()? {
        cluster.load_image(&image)?;
    }
    if !matches!(file, "alluxio_s3" | "operations_real" | "thin_real") {
        return Ok(Met::With(Vec::new()));
    }
    // The tests also inspect the server directly.
    debian::require(Need::Http)?;
    Ok(Met::With(vec![(S3, cluster.s3()?.into())]))
}
