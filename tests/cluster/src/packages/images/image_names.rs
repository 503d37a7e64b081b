//! The images that the registrations of plugins name, so that what is built here is what their
//! charts ask for.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::machine::paths;

/// The part of a plugin's registration that is of interest here.
#[derive(Deserialize)]
struct Registration {
    images: BTreeMap<String, String>,
}

/// Returns the name of an image that a plugin uses.
pub fn image_name(plugin: &str, image: &str) -> Result<String> {
    let path = paths::root().join("plugins").join(plugin).join("plugin.yaml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let registration = yaml_serde::from_str::<Registration>(&text);
    let mut registration = registration.with_context(|| format!("reading {}", path.display()))?;
    let name = registration.images.remove(image);
    name.with_context(|| format!("{} names no image {image}", path.display()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn images_are_named_with_tags() {
        for (plugin, image) in [
            ("juicefs", "community"),
            ("alluxio", "runtime"),
            ("jindo", "smartdata"),
            ("jindo", "fuse"),
        ] {
            let name = super::image_name(plugin, image).unwrap();
            assert!(name.contains(':') && !name.ends_with(":latest"), "{name}");
        }
        assert!(
            super::image_name("juicefs", "none")
                .unwrap_err()
                .to_string()
                .contains("no image none")
        );
    }
}
