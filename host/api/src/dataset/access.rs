//! Who may write to a volume.

use super::{DEFAULT_ACCESS_MODE, DatasetSpec, Mount};

/// The mode that every volume can be used in.
const READ_ONLY_MANY: &str = DEFAULT_ACCESS_MODE;
/// The mode that includes the other ones for writing.
const READ_WRITE_MANY: &str = "ReadWriteMany";

impl DatasetSpec {
    /// The access modes of the volume: those of the spec, else `ReadOnlyMany`.
    pub fn effective_access_modes(&self) -> Vec<String> {
        if self.access_modes.is_empty() {
            vec![READ_ONLY_MANY.to_owned()]
        } else {
            self.access_modes.clone()
        }
    }

    /// Whether the file system is mounted read-only: `ReadOnlyMany` among the access modes says so,
    /// wherever it is.
    pub fn is_read_only(&self) -> bool {
        self.effective_access_modes().iter().any(|mode| mode == READ_ONLY_MANY)
    }

    /// Whether nothing of this directory of the file system may be written: the file system is
    /// read-only, or each mount that has a part in the directory is. The empty directory is the
    /// whole file system.
    pub fn is_read_only_below(&self, directory: &str) -> bool {
        if self.is_read_only() {
            return true;
        }
        let directory = format!("/{}", directory.trim_matches('/'));
        let mut parts = self
            .mounts
            .iter()
            .filter(|mount| has_part(mount, &directory))
            .peekable();
        // The only mount of a file system may be its root, whatever its name.
        let alone = self.mounts.len() == 1 && self.mounts.iter().all(|mount| mount.read_only);
        alone || (parts.peek().is_some() && parts.all(|mount| mount.read_only))
    }
}

/// Whether a mount contains a directory of the file system, or lies in it.
fn has_part(mount: &Mount, directory: &str) -> bool {
    let path = mount.cache_path();
    let path = path.trim_end_matches('/');
    let is_below = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_below(directory, path) || is_below(path, directory.trim_end_matches('/'))
}

/// The access modes of a volume that leads into another one: what is wanted, as far as the other
/// one allows it. Everything can be read.
pub fn at_most(wanted: &[String], other: &[String]) -> Vec<String> {
    let allowed = |mode: &&String| {
        *mode == READ_ONLY_MANY || other.contains(mode) || other.iter().any(|other| other == READ_WRITE_MANY)
    };
    let modes: Vec<String> = wanted.iter().filter(allowed).cloned().collect();
    if modes.is_empty() {
        vec![READ_ONLY_MANY.to_owned()]
    } else {
        modes
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn modes(list: &str) -> Vec<String> {
        let long = |short: &str| match short {
            "ROX" => "ReadOnlyMany".to_owned(),
            "RWX" => "ReadWriteMany".to_owned(),
            "RWO" => "ReadWriteOnce".to_owned(),
            other => panic!("{other}"),
        };
        list.split_whitespace().map(long).collect()
    }

    #[rstest]
    #[case("RWX", "RWX", "RWX")]
    #[case("RWX", "ROX", "ROX")]
    #[case("RWX RWO", "RWO", "RWO")]
    #[case("RWO", "RWX", "RWO")]
    #[case("RWX", "RWO", "ROX")]
    #[case("ROX", "RWX", "ROX")]
    #[case("ROX RWX", "ROX", "ROX")]
    fn no_more_is_allowed_than_by_the_other_volume(#[case] wanted: &str, #[case] other: &str, #[case] expected: &str) {
        assert_eq!(at_most(&modes(wanted), &modes(other)), modes(expected));
    }

    fn dataset(access: &str, mounts: &[(&str, bool)]) -> DatasetSpec {
        let mount = |(name, read_only): &(&str, bool)| Mount {
            name: (*name).to_owned(),
            read_only: *read_only,
            ..Mount::default()
        };
        DatasetSpec {
            access_modes: modes(access),
            mounts: mounts.iter().map(mount).collect(),
            ..DatasetSpec::default()
        }
    }

    #[rstest]
    #[case::by_access_mode("ROX", &[("a", false)], "", true)]
    #[case::the_only_mount("RWX", &[("a", true)], "", true)]
    #[case::a_directory_of_the_only_mount("RWX", &[("a", true)], "x/y", true)]
    #[case::all_mounts("RWX", &[("a", true), ("b", true)], "", true)]
    #[case::one_mount_of_two("RWX", &[("a", true), ("b", false)], "", false)]
    #[case::in_the_one("RWX", &[("a", true), ("b", false)], "a/x", true)]
    #[case::the_one_itself("RWX", &[("a", true), ("b", false)], "/a/", true)]
    #[case::in_the_other("RWX", &[("a", true), ("b", false)], "b", false)]
    #[case::beside_both("RWX", &[("a", true), ("b", false)], "c", false)]
    #[case::of_a_longer_name("RWX", &[("a", true), ("ab", false)], "ab", false)]
    #[case::no_mounts("RWX", &[], "", false)]
    fn a_directory_is_read_only_if_all_of_it_is(
        #[case] access: &str,
        #[case] mounts: &[(&str, bool)],
        #[case] directory: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(dataset(access, mounts).is_read_only_below(directory), expected);
    }
}
