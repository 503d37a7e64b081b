//! What images are able to.

/// Reports whether a fuse image of this tag takes mount point and path as arguments, as Alluxio
/// does since 2.8. A tag that does not begin with a version is taken for a new one.
pub fn takes_mount_point(tag: &str) -> bool {
    let mut parts = tag
        .trim_start_matches("release-")
        .trim_start_matches('v')
        .split(['.', '-']);
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
