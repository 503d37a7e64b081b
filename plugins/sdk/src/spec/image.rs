//! Images of the pods.

use serde::Deserialize;

use crate::{Context, Error, Result};

/// An image; what is empty comes from the registration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Image {
    /// Without the tag.
    pub image: String,
    /// The tag.
    pub image_tag: String,
    /// Empty means the runtime's default.
    pub image_pull_policy: String,
}

impl Image {
    /// Whether the runtime names an image.
    pub fn is_given(&self) -> bool {
        !self.image.is_empty() || !self.image_tag.is_empty()
    }

    /// The image asked for at `field`, completed from the registration's image `key` and with the policy `IfNotPresent`.
    pub fn resolve<S>(&self, ctx: &Context<S>, key: &str, field: &str) -> Result<Image> {
        self.check(field)?;
        let mut image = self.clone();
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
        let (name, tag) = Self::split(default);
        if image.image.is_empty() {
            image.image = name.into();
        }
        if image.image_tag.is_empty() {
            image.image_tag = tag.into();
        }
        Ok(image)
    }

    /// Name and tag of a reference. Charts join the two with a colon, so a digest splits at its own.
    pub fn split(reference: &str) -> (&str, &str) {
        match reference.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (reference, "latest"),
        }
    }

    /// Refuses what no container can have.
    pub fn check(&self, field: &str) -> Result<()> {
        if !["", "Always", "IfNotPresent", "Never"].contains(&self.image_pull_policy.as_str()) {
            let message = format!("`{}` is none of Always, IfNotPresent, Never", self.image_pull_policy.escape_debug());
            return Err(Error::invalid(format!("{field}.imagePullPolicy"), message));
        }
        for (part, text) in [("image", &self.image), ("imageTag", &self.image_tag)] {
            if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
                return Err(Error::invalid(format!("{field}.{part}"), "contains white space; remove it"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Image;

    #[rstest]
    #[case("juicedata/mount:ce-v1.3.1", "juicedata/mount", "ce-v1.3.1")]
    #[case("registry:5000/mount", "registry:5000/mount", "latest")]
    #[case("registry:5000/mount:1", "registry:5000/mount", "1")]
    #[case("mount@sha256:abc", "mount@sha256", "abc")]
    fn references_split_where_the_chart_joins_them(#[case] reference: &str, #[case] name: &str, #[case] tag: &str) {
        assert_eq!(Image::split(reference), (name, tag));
    }
}
