//! Starting from a backup of the metadata.

use std::time::Duration;

use wasser_sdk::{Context, DataRestoreLocation, Error, Host, Pod, Result};

use crate::input::Spec;
use crate::text;

const FIELD: &str = "Dataset.spec.dataRestoreLocation";
const QUICK: Duration = Duration::from_secs(10);

/// Where a backup is, and how the master's pods see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Backup {
    /// The claim that it is in; none for a directory of a node.
    pub claim: Option<String>,
    /// The directory: of the node, or within the claim.
    pub directory: String,
    /// The node.
    pub node: Option<String>,
}

impl Backup {
    /// Reads the Dataset's restore location; none where there is none.
    pub fn of(ctx: &Context<Spec>) -> Result<Option<Self>> {
        match &ctx.dataset()?.data_restore_location {
            Some(location) if !location.path.is_empty() => Backup::of_location(location).map(Some),
            _ => Ok(None),
        }
    }

    fn of_location(location: &DataRestoreLocation) -> Result<Self> {
        let backup = Backup::read(&format!("{FIELD}.path"), &location.path, &location.node_name)?;
        if backup.node.as_deref() == Some("") {
            return Err(Error::invalid(
                format!("{FIELD}.nodeName"),
                "is empty; name the node that has the directory",
            ));
        }
        Ok(backup)
    }

    /// Reads the place of a backup at `field`; a directory of a node is on this one.
    pub fn read(field: &str, path: &str, node: &str) -> Result<Self> {
        let path = path.trim();
        text::check(field, path)?;
        if path.split('/').any(|part| part == "..") {
            return Err(Error::invalid(field, "contains `..`; write the path without it"));
        }
        if let Some(rest) = path.strip_prefix("pvc://") {
            let (claim, directory) = rest.split_once('/').unwrap_or((rest, ""));
            if claim.is_empty() {
                return Err(Error::invalid(
                    field,
                    "names no claim; write `pvc://<claim>/<directory>`",
                ));
            }
            return Ok(Backup {
                claim: Some(claim.into()),
                directory: format!("/{}", directory.trim_matches('/')),
                node: None,
            });
        }
        let wrong = || {
            Error::invalid(
                field,
                "is neither `pvc://<claim>/<directory>` nor `local:///<directory>`",
            )
        };
        let directory = path.strip_prefix("local://").ok_or_else(wrong)?;
        text::check_path(field, directory)?;
        Ok(Backup {
            claim: None,
            directory: directory.into(),
            node: Some(node.into()),
        })
    }

    /// Returns where the pods mount it.
    pub fn mount_path(&self) -> &'static str {
        if self.claim.is_some() { "/pvc" } else { "/host" }
    }

    /// Returns the directory with the files, in a pod.
    pub fn files(&self) -> String {
        match self.claim {
            Some(_) => format!("/pvc{}", self.directory).trim_end_matches('/').to_string(),
            None => "/host".into(),
        }
    }

    /// Returns the file that the master's journal begins with. It is a property, so that the
    /// directory must not have what properties cannot have.
    pub fn journal(&self, ctx: &Context<Spec>) -> Result<String> {
        let file = format!("{}/metadata-backup-{}-{}.gz", self.files(), ctx.name, ctx.namespace);
        text::check_value(&format!("{FIELD}.path"), &file)?;
        Ok(file)
    }
}

/// Returns bytes and number of files as the backup recorded them; `None` without a backup, or if it
/// does not say.
pub fn sizes(ctx: &Context<Spec>, host: &impl Host, pod: &Pod) -> Result<Option<(u64, u64)>> {
    let Some(backup) = Backup::of(ctx)? else {
        return Ok(None);
    };
    let file = format!("{}/{}-{}.yaml", backup.files(), ctx.name, ctx.namespace);
    Ok(host
        .run(&pod.name, &["cat", &file], QUICK)
        .ok()
        .and_then(|text| parse(&text)))
}

/// Reads `ufstotal` and `filenum` of the file that a backup writes.
fn parse(text: &str) -> Option<(u64, u64)> {
    let value = |key: &str| {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(':'))?;
        line.trim().trim_matches('"').parse().ok()
    };
    Some((value("ufstotal")?, value("filenum")?))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case::whole("dataset: hbase\nnamespace: default\nufstotal: 592120000\nfilenum: 11\n", Some((592_120_000, 11)))]
    #[case::quoted("ufstotal: \"1\"\nfilenum: \"2\"", Some((1, 2)))]
    #[case::cut_off("dataset: hbase\nufstotal: 5921", None)]
    #[case::other_units("ufstotal: 564MiB\nfilenum: 11", None)]
    #[case::empty("", None)]
    fn the_file_of_a_backup_is_read(#[case] text: &str, #[case] sizes: Option<(u64, u64)>) {
        assert_eq!(super::parse(text), sizes);
    }
}
