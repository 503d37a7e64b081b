//! The images that the registrations of docs/writing-a-runtime.md name, with a program of the tests in
//! them: the cache systems of the guide are only names.

use anyhow::Result;

use super::base::busybox;
use super::image::Image;
use super::image_names::image_name;
use super::programs::with_programs;
use crate::machine::debian::{self, Need};
use crate::machine::paths;

/// The example's directory below `plugins`, and its name.
const EXAMPLE: (&str, &str) = ("sdk/examples/minimal", "example");
/// The name that the guide gives to `wasser plugin new`, which puts it in the place of the example's.
const NEW: &str = "my-cache";

/// Returns the image of the guide's example, and that of a new plugin.
pub fn guide() -> Result<Vec<Image>> {
    debian::require(Need::StandIns)?;
    let (directory, name) = EXAMPLE;
    let example = format!("docker.io/{}", image_name(directory, "worker")?);
    Ok(vec![
        stand_in(&example, name)?,
        stand_in(&example.replace(name, NEW), NEW)?,
    ])
}

/// Returns the image of workers and clients of a cache system. Workers are also asked how much is in
/// their cache, in a way that busybox does not understand.
fn stand_in(image: &str, system: &str) -> Result<Image> {
    let program = paths::root().join("tests/cluster/stand-ins/guide-image/cache");
    let image = busybox()?
        .named(image)
        .file("/usr/local/bin/cache", program, 0o755)
        .env("SYSTEM", system)
        .entrypoint(&["cache"])
        .command(&[]);
    with_programs(image, &["/usr/bin/bindfs", "/usr/bin/du"])
}
