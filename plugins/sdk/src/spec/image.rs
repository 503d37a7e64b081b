//! Images of the pods.

use serde::Deserialize;

use super::Reference;
use crate::{Context, Error, Result};

/// An image; what is empty comes from the registration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Image {
    /// The name; users may write tag and digest here.
    pub image: String,
    /// The tag, or the digest.
    pub image_tag: String,
    /// Empty means the runtime's default.
    pub image_pull_policy: String,
}

impl Image {
    /// Reports whether the runtime names an image.
    pub fn is_given(&self) -> bool {
        !self.image.is_empty() || !self.image_tag.is_empty()
    }

    /// Returns the image asked for at `field`, completed from the registration's image `key` and
    /// with the policy `IfNotPresent`. A tag or a digest may be in `image` as well; the texts come
    /// back as charts join them, with a colon.
    pub fn resolve<S>(&self, ctx: &Context<S>, key: &str, field: &str) -> Result<Image> {
        self.check(field)?;
        let mut reference = Reference::of(&self.image, &self.image_tag, field)?;
        if !reference.is_complete() {
            reference = reference.or(&default(ctx, key)?);
        }
        let (image, image_tag) = reference.split();
        Ok(Image {
            image,
            image_tag,
            image_pull_policy: if self.image_pull_policy.is_empty() {
                "IfNotPresent"
            } else {
                &self.image_pull_policy
            }
            .into(),
        })
    }

    /// Refuses what no container can have.
    pub fn check(&self, field: &str) -> Result<()> {
        if !["", "Always", "IfNotPresent", "Never"].contains(&self.image_pull_policy.as_str()) {
            let message = format!(
                "`{}` is none of Always, IfNotPresent, Never",
                self.image_pull_policy.escape_debug()
            );
            return Err(Error::invalid(format!("{field}.imagePullPolicy"), message));
        }
        Reference::of(&self.image, &self.image_tag, field).map(drop)
    }
}

/// Returns the registration's image `key`.
fn default<S>(ctx: &Context<S>, key: &str) -> Result<Reference> {
    let text = ctx.images.get(key).ok_or_else(|| {
        Error::failed(format!(
            "no image for {}/{}: give image and imageTag, or list the image `{key}` in the registration",
            ctx.namespace, ctx.name
        ))
    })?;
    let mut reference = Reference::parse(text).map_err(|why| {
        let text = text.escape_debug();
        Error::failed(format!(
            "the image `{key}` of the registration is `{text}`, which is not a reference: {why}; correct it there"
        ))
    })?;
    if !reference.is_complete() {
        reference.tag = "latest".into();
    }
    Ok(reference)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::Image;
    use crate::testing::context;

    fn resolved(asked: Image, default: &str) -> crate::Result<Image> {
        let mut ctx = context::<serde_json::Value>(json!({})).unwrap();
        ctx.images.insert("client".into(), default.into());
        asked.resolve(&ctx, "client", "DemoRuntime.spec.version")
    }

    fn asked(image: &str, image_tag: &str) -> Image {
        Image {
            image: image.into(),
            image_tag: image_tag.into(),
            ..Image::default()
        }
    }

    #[rstest]
    #[case::default("", "", "mount:v1", "mount", "v1")]
    #[case::repository("", "", "juicedata/mount:ce-v1.3.1", "juicedata/mount", "ce-v1.3.1")]
    #[case::port("", "", "registry:5000/mount", "registry:5000/mount", "latest")]
    #[case::port_and_tag("", "", "registry:5000/mount:1", "registry:5000/mount", "1")]
    #[case::tag_in_image("mirror:5000/mount:v2", "", "mount:v1", "mirror:5000/mount", "v2")]
    #[case::default_without_tag("mirror:5000/mount", "", "registry:5000/mount", "mirror:5000/mount", "latest")]
    fn images_are_completed_from_the_registration(
        #[case] image: &str,
        #[case] tag: &str,
        #[case] default: &str,
        #[case] expected: &str,
        #[case] expected_tag: &str,
    ) {
        let image = resolved(asked(image, tag), default).unwrap();
        assert_eq!(
            (image.image.as_str(), image.image_tag.as_str()),
            (expected, expected_tag)
        );
        assert_eq!(image.image_pull_policy, "IfNotPresent");
    }

    #[test]
    fn an_image_of_the_registration_that_is_not_one_is_not_the_users_fault() {
        let failed = resolved(asked("mirror/mount", ""), "my mount").unwrap_err();
        assert!(
            matches!(&failed, crate::Error::Failed(why) if why.contains("`client` of the registration is `my mount`")),
            "{failed}"
        );
        assert!(resolved(asked("mirror/mount", "v1"), "my mount").is_ok());
        let refused = resolved(asked("mirror/mount:v1", "v2"), "mount:v1").unwrap_err();
        assert!(
            refused.to_string().starts_with("DemoRuntime.spec.version.imageTag: "),
            "{refused}"
        );
    }
}
