//! The image of the JuiceFS client.

use anyhow::Result;

use super::base::busybox;
use super::image::Image;
use super::image_names::image_name;
use super::programs::with_programs;
use crate::machine::tools::Tool;

/// Of util-linux, which Debian's images have.
const FLOCK: &str = "/usr/bin/flock";

/// Returns the client of JuiceFS under the name that its plugin uses, with the programs that the
/// chart's scripts call.
pub fn juicefs() -> Result<Image> {
    let program = Tool::JuiceFs.ensure()?;
    let name = format!("docker.io/{}", image_name("juicefs", "community")?);
    let image = busybox()?.named(&name).file("/usr/local/bin/juicefs", program, 0o755);
    let links = ["/usr/bin/juicefs", "/bin/mount.juicefs", "/sbin/mount.juicefs"];
    let image = links
        .iter()
        .fold(image, |image, link| image.link(link, "/usr/local/bin/juicefs"));
    with_programs(image, &[FLOCK])
}
