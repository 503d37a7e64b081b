//! The parts of an image's name.

/// `name:tag@digest`, of which tag and digest can be empty.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The name, with its registry.
    pub name: &'a str,
    /// The tag.
    pub tag: &'a str,
    /// The digest, with its algorithm.
    pub digest: &'a str,
}

impl<'a> Parts<'a> {
    /// Takes a text apart as if it were the name of an image.
    pub fn of(text: &'a str) -> Self {
        let (rest, digest) = text.split_once('@').unwrap_or((text, ""));
        // What follows the port of a registry is not a tag.
        let (name, tag) = rest
            .rsplit_once(':')
            .filter(|(_, tag)| !tag.contains('/'))
            .unwrap_or((rest, ""));
        Self { name, tag, digest }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a", "a", "", "")]
    #[case("r:5000/a", "r:5000/a", "", "")]
    #[case("r:5000/a:1@sha256:0", "r:5000/a", "1", "sha256:0")]
    fn images_are_taken_apart(#[case] image: &str, #[case] name: &str, #[case] tag: &str, #[case] digest: &str) {
        assert_eq!(Parts::of(image), Parts { name, tag, digest });
    }
}
