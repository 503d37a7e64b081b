//! The data source: one directory of a network file system.

use wasser_sdk::{DatasetSpec, Error, Result};

use crate::text::check_plain;

/// Where the Dataset says what is mounted.
const FIELD: &str = "Dataset.spec.mounts[0].mountPoint";

/// The data source.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// Server and directory, `<host>:<directory>/`, as the images take them.
    pub mount_point: String,
    /// Whether it is a parallel file system (CPFS), which is spoken to by another protocol.
    pub is_parallel: bool,
}

impl Source {
    /// Reads the one mount of a Dataset.
    pub fn of(dataset: &DatasetSpec) -> Result<Self> {
        let [mount] = dataset.mounts.as_slice() else {
            let message = format!(
                "has {} mounts, and EFC serves one; make a Dataset for each",
                dataset.mounts.len()
            );
            return Err(Error::invalid("Dataset.spec.mounts", message));
        };
        let (address, is_parallel) = match mount.mount_point.split_once("://") {
            Some(("nfs", address)) => (address, false),
            Some(("cpfs", address)) => (address, true),
            _ => {
                let message = "is neither nfs:// nor cpfs://; write nfs://<mount target>:<directory>";
                return Err(Error::invalid(FIELD, message));
            }
        };
        check_plain(FIELD, address)?;
        let host = address.split([':', '/']).next().unwrap_or_default();
        if host.is_empty() || host.starts_with('-') || address.contains("..") {
            let message = "names no server and directory; write nfs://<mount target>:<directory>";
            return Err(Error::invalid(FIELD, message));
        }
        // The images want the slash at the end.
        let mount_point = format!("{}/", address.trim_end_matches('/'));
        Ok(Source {
            mount_point,
            is_parallel,
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;
    use wasser_sdk::DatasetSpec;

    use super::Source;

    fn source(mount_point: &str) -> wasser_sdk::Result<Source> {
        let dataset = json!({"mounts": [{"mountPoint": mount_point}]});
        let dataset: DatasetSpec = serde_json::from_value(dataset).unwrap();
        Source::of(&dataset)
    }

    #[rstest]
    #[case::directory("nfs://a.nas.aliyuncs.com:/data", "a.nas.aliyuncs.com:/data/", false)]
    #[case::slash("nfs://a.nas.aliyuncs.com:/data/", "a.nas.aliyuncs.com:/data/", false)]
    #[case::whole("nfs://a.nas.aliyuncs.com:/", "a.nas.aliyuncs.com:/", false)]
    #[case::parallel("cpfs://b.cpfs.aliyuncs.com:/share/x", "b.cpfs.aliyuncs.com:/share/x/", true)]
    fn a_mount_point_is_passed_without_its_scheme(
        #[case] text: &str,
        #[case] mount_point: &str,
        #[case] is_parallel: bool,
    ) {
        let expected = Source {
            mount_point: mount_point.into(),
            is_parallel,
        };
        assert_eq!(source(text).unwrap(), expected);
    }
}
