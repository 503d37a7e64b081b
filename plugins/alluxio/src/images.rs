//! Images of the pods.

use wasser_sdk::{Context, Error, Result};

use crate::input::{Image, Spec};

/// `asked` at `field`, completed from the registration's image `key`.
pub fn resolve(ctx: &Context<Spec>, key: &str, field: &str, asked: &Image) -> Result<Image> {
    check(field, asked)?;
    let mut image = asked.clone();
    if image.image_pull_policy.is_empty() {
        image.image_pull_policy = "IfNotPresent".into();
    }
    if !image.image.is_empty() && !image.image_tag.is_empty() {
        return Ok(image);
    }
    let default = ctx.images.get(key).ok_or_else(|| {
        Error::failed(format!(
            "no image for {}/{}: give image and imageTag, or list the image `{key}` in the registration",
            ctx.namespace, ctx.name
        ))
    })?;
    let (name, tag) = split(default);
    if image.image.is_empty() {
        image.image = name.into();
    }
    if image.image_tag.is_empty() {
        image.image_tag = tag.into();
    }
    Ok(image)
}

/// Refuses what no container can have.
fn check(field: &str, image: &Image) -> Result<()> {
    if !["", "Always", "IfNotPresent", "Never"].contains(&image.image_pull_policy.as_str()) {
        let message = format!(
            "`{}` is none of Always, IfNotPresent, Never",
            image.image_pull_policy.escape_debug()
        );
        return Err(Error::invalid(format!("{field}.imagePullPolicy"), message));
    }
    for (part, text) in [("image", &image.image), ("imageTag", &image.image_tag)] {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Error::invalid(format!("{field}.{part}"), "contains white space; remove it"));
        }
    }
    Ok(())
}

/// Name and tag of a reference. The chart joins the two with a colon, so a digest splits at its own.
fn split(reference: &str) -> (&str, &str) {
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (reference, "latest"),
    }
}

/// Whether a fuse image of this tag takes mount point and path as arguments, as Alluxio does since 2.8. A tag that does not begin with a
/// version is taken for a new one.
pub fn takes_mount_point(tag: &str) -> bool {
    let mut parts = tag.trim_start_matches("release-").trim_start_matches('v').split(['.', '-']);
    let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok());
    match (number(), number()) {
        (Some(major), Some(minor)) => (major, minor) >= (2, 8),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case("alluxio/alluxio:2.9.4", "alluxio/alluxio", "2.9.4")]
    #[case("registry:5000/alluxio", "registry:5000/alluxio", "latest")]
    fn references_split_where_the_chart_joins_them(#[case] reference: &str, #[case] name: &str, #[case] tag: &str) {
        assert_eq!(super::split(reference), (name, tag));
    }

    #[rstest]
    #[case("2.9.4", true)]
    #[case("2.8.0", true)]
    #[case("release-2.8.1-SNAPSHOT-0433ade", true)]
    #[case("2.3.0-SNAPSHOT-2c41226", false)]
    #[case("release-2.7.3-SNAPSHOT", false)]
    #[case("v3.0", true)]
    #[case("latest", true)]
    fn old_fuse_images_are_known_by_their_tag(#[case] tag: &str, #[case] takes: bool) {
        assert_eq!(super::takes_mount_point(tag), takes);
    }
}
