//! Images under the names of JindoCache's, with programs of the tests in its place, because
//! JindoCache itself is closed source.

use anyhow::Result;

use super::base::busybox;
use super::image::Image;
use super::image_names::image_name;
use super::programs::with_programs;
use crate::machine::debian::{self, Need};
use crate::machine::paths;

/// Returns the image of masters and workers, and that of the clients.
pub fn jindo() -> Result<Vec<Image>> {
    debian::require(Need::StandIns)?;
    let scripts = paths::root().join("tests/cluster/stand-ins/jindo-images");
    let image = |name: &str, files: &[(&str, &str)]| -> Result<Image> {
        let image = busybox()?.named(name);
        Ok(files
            .iter()
            .fold(image, |image, (path, file)| image.file(path, scripts.join(file), 0o755)))
    };
    let common = [("/entrypoint.sh", "entrypoint.sh"), ("/lib.sh", "lib.sh")];
    let server = [
        common.as_slice(),
        &[
            ("/usr/local/bin/jindocache", "jindocache"),
            ("/usr/local/bin/jindo", "jindo"),
        ],
    ];
    let client = [common.as_slice(), &[("/prestop.sh", "prestop.sh")]];
    let client = image(&image_name("jindo", "fuse")?, &client.concat())?
        .entrypoint(&["/entrypoint.sh"])
        .command(&[]);
    Ok(vec![
        image(&image_name("jindo", "smartdata")?, &server.concat())?,
        with_programs(client, &["/usr/bin/bindfs"])?,
    ])
}
