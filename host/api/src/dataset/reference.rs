//! Datasets that refer to another one: `dataset://<namespace>/<name>[/<directory>]` as their only
//! mount.

use super::Mount;
use crate::ObjectKey;

/// What the mount point of a reference begins with.
pub const SCHEME: &str = "dataset://";

/// The Dataset that another one refers to, the physical one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// A directory in it, without slashes at its ends; empty for all of it.
    pub directory: String,
}

/// Why mounts are not a reference although they look like one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// There are other mounts.
    #[error("a Dataset that refers to another one has no other mounts, and this one has {0}; make a Dataset for each")]
    Others(usize),
    /// It is not written as it should be.
    #[error("`{0}` must be dataset://NAMESPACE/NAME, or dataset://NAMESPACE/NAME/DIRECTORY without `..`")]
    Malformed(String),
}

impl Reference {
    /// The reference that these mounts are; none if they are a Dataset's own.
    ///
    /// # Errors
    /// One of the mounts is a reference, and they cannot be served.
    pub fn of(mounts: &[Mount]) -> Result<Option<Self>, InvalidReference> {
        let Some(point) = mounts.iter().find_map(|mount| mount.mount_point.strip_prefix(SCHEME)) else {
            return Ok(None);
        };
        if mounts.len() > 1 {
            return Err(InvalidReference::Others(mounts.len() - 1));
        }
        Self::parse(point).map(Some)
    }

    /// Reads a mount point, as [`mount_point`](Self::mount_point) writes it. None if it is not a
    /// reference.
    pub fn read(mount_point: &str) -> Option<Self> {
        mount_point
            .strip_prefix(SCHEME)
            .and_then(|point| Self::parse(point).ok())
    }

    fn parse(point: &str) -> Result<Self, InvalidReference> {
        let malformed = || InvalidReference::Malformed(format!("{SCHEME}{point}"));
        let mut parts = point.split('/').filter(|part| !part.is_empty());
        let (namespace, name) = parts.next().zip(parts.next()).ok_or_else(malformed)?;
        let directory: Vec<&str> = parts.collect();
        if directory.contains(&"..") {
            return Err(malformed());
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            directory: directory.join("/"),
        })
    }

    /// The mount point by which a Dataset refers so.
    pub fn mount_point(&self) -> String {
        let Self {
            namespace,
            name,
            directory,
        } = self;
        let slash = if directory.is_empty() { "" } else { "/" };
        format!("{SCHEME}{namespace}/{name}{slash}{directory}")
    }

    /// Namespace and name.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(&self.namespace, &self.name)
    }

    /// Namespace and name, as in `status.datasetRef`.
    pub fn display(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn mounts(points: &[&str]) -> Vec<Mount> {
        let mount = |point: &&str| Mount {
            mount_point: (*point).to_owned(),
            ..Mount::default()
        };
        points.iter().map(mount).collect()
    }

    #[rstest]
    #[case::whole(&["dataset://ns/a"], Some(("ns", "a", "")))]
    #[case::directory(&["dataset://ns/a/b/c/"], Some(("ns", "a", "b/c")))]
    #[case::own(&["juicefs:///", "s3://bucket"], None)]
    #[case::none(&[], None)]
    fn references_are_found(#[case] points: &[&str], #[case] expected: Option<(&str, &str, &str)>) {
        let found = Reference::of(&mounts(points)).unwrap();
        let found = found
            .as_ref()
            .map(|found| (found.namespace.as_str(), found.name.as_str(), found.directory.as_str()));
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case::others(&["s3://bucket", "dataset://ns/a"], "has no other mounts, and this one has 1")]
    #[case::two(&["dataset://ns/a", "dataset://ns/b"], "has no other mounts")]
    #[case::no_name(&["dataset://ns"], "must be dataset://NAMESPACE/NAME")]
    #[case::out(&["dataset://ns/a/../b"], "without `..`")]
    fn others_say_why_not(#[case] points: &[&str], #[case] words: &str) {
        let refused = Reference::of(&mounts(points)).unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}");
    }
}
