//! Images of the pods.

use wasser_sdk::{Context, Error, Result};

use crate::edition::Edition;
use crate::input::{Image, Spec};

/// `asked` at `field`, completed from the registration's image of the edition.
pub fn resolve(ctx: &Context<Spec>, edition: Edition, field: &str, asked: &Image) -> Result<Image> {
    check(field, asked)?;
    let mut image = asked.clone();
    if image.image_pull_policy.is_empty() {
        image.image_pull_policy = "IfNotPresent".into();
    }
    if !image.image.is_empty() && !image.image_tag.is_empty() {
        return Ok(image);
    }
    let key = edition.image_key();
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case("juicedata/mount:ce-v1.3.1", "juicedata/mount", "ce-v1.3.1")]
    #[case("registry:5000/mount", "registry:5000/mount", "latest")]
    #[case("registry:5000/mount:1", "registry:5000/mount", "1")]
    #[case("mount@sha256:abc", "mount@sha256", "abc")]
    fn references_split_where_the_chart_joins_them(#[case] reference: &str, #[case] name: &str, #[case] tag: &str) {
        assert_eq!(super::split(reference), (name, tag));
    }
}
