//! What the tests of some files need in addition to what all need: images that no registry has, and
//! servers.

use std::ffi::OsString;

use anyhow::Result;
use wasser_test_cluster::Cluster;
use wasser_test_cluster::machine::debian::{self, Need};
use wasser_test_cluster::packages::images::{self, Image};

/// The variable that names an S3 server, with the keys of its administrator.
const S3: &str = "WASSER_S3";

/// Provides a cluster with what the tests of a file need. Returns the variables that name it, or
/// `None` for the cluster of `KUBECONFIG`, which cannot be given anything.
pub fn meet(cluster: &Cluster, file: &str) -> Result<Option<Vec<(&'static str, OsString)>>> {
    let images: fn() -> Result<Vec<Image>> = match file {
        "alluxio_real" | "alluxio_s3" => || Ok(vec![images::alluxio()?]),
        "jindo_real" => images::jindo,
        "thin_real" => images::thin,
        "operations_real" => || Ok(Vec::new()),
        _ => return Ok(Some(Vec::new())),
    };
    if cluster.state().is_none() {
        return Ok(None);
    }
    for image in images()? {
        cluster.load_image(&image)?;
    }
    if !matches!(file, "alluxio_s3" | "operations_real" | "thin_real") {
        return Ok(Some(Vec::new()));
    }
    // The tests also inspect the server directly.
    debian::require(Need::Http)?;
    Ok(Some(vec![(S3, cluster.s3()?.into())]))
}
