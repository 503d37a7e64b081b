//! What the tests of some files need beside what all do: images that no registry has, and servers.

use std::ffi::OsString;

use anyhow::Result;
use xtask::cluster::{Cluster, images};
use xtask::machine;

/// The variable that names an S3 server, with the keys of its administrator.
const S3: &str = "WASSER_S3";

/// Gives a cluster what the tests of a file need, and the variables that say where it is. None where the cluster is not this project's own: nothing
/// can be brought there.
pub fn meet(cluster: &Cluster, file: &str) -> Result<Option<Vec<(&'static str, OsString)>>> {
    if !["alluxio_real", "thin_real", "jindo_real"].contains(&file) {
        return Ok(Some(Vec::new()));
    }
    if cluster.state().is_none() {
        return Ok(None);
    }
    if file == "alluxio_real" {
        cluster.load_image(&images::alluxio()?)?;
        return Ok(Some(Vec::new()));
    }
    if file == "jindo_real" {
        for image in images::jindo()? {
            cluster.load_image(&image)?;
        }
        return Ok(Some(Vec::new()));
    }
    for image in images::thin()? {
        cluster.load_image(&image)?;
    }
    // The tests look at what the server has by themselves.
    machine::install(&["curl"])?;
    Ok(Some(vec![(S3, cluster.s3()?.into())]))
}
