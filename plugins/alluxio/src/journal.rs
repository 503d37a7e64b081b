//! Where the masters keep their journal, and whether a new one is formatted there.

use serde_json::{Value, json};
use wasser_sdk::{Error, Result};

use crate::input::Spec;
use crate::text;

/// The property that says where the journal is.
const FOLDER: &str = "alluxio.master.journal.folder";

/// Returns the values of the journal; empty if it is a directory at the usual place, which goes
/// with the pod. A directory of a volume that the user mounts is formatted only if it is empty. A
/// journal elsewhere, such as in HDFS, is never formatted, because what it holds is unknown.
pub fn of(spec: &Spec) -> Result<Value> {
    let set = [
        (&spec.master.properties, "master.properties"),
        (&spec.properties, "properties"),
    ];
    let Some((folder, field)) = set
        .iter()
        .find_map(|(properties, field)| Some((properties.get(FOLDER)?.trim(), field)))
    else {
        return Ok(json!({}));
    };
    if folder.contains("://") {
        return Ok(json!({"format": {"runFormat": false}}));
    }
    let field = format!("AlluxioRuntime.spec.{field}[{FOLDER}]");
    text::check_path(&field, folder)?;
    if folder.trim_matches('/').is_empty() || folder.contains(':') {
        return Err(Error::invalid(
            field,
            "is not a directory below `/`; write for instance /journal",
        ));
    }
    let mounts = spec.master.volume_mounts.iter();
    let mut places = mounts.filter_map(|mount| mount.get("mountPath").and_then(Value::as_str));
    let is_mounted = places.any(|place| is_below(folder, place));
    Ok(json!({"folder": folder, "emptyDir": !is_mounted}))
}

/// Reports whether a path is a directory or below it.
fn is_below(path: &str, directory: &str) -> bool {
    let rest = path.strip_prefix(directory.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    #[rstest]
    #[case::default(json!({}), json!({}))]
    #[case::directory(json!({"properties": {"alluxio.master.journal.folder": "/data/j"}}),
        json!({"folder": "/data/j", "emptyDir": true}))]
    #[case::hdfs(json!({"properties": {"alluxio.master.journal.folder": "hdfs://n/j"}}),
        json!({"format": {"runFormat": false}}))]
    #[case::volume(
        json!({"master": {"properties": {"alluxio.master.journal.folder": "/data/j"}, "volumeMounts": [{"name": "v",
            "mountPath": "/data/"}]}}),
        json!({"folder": "/data/j", "emptyDir": false})
    )]
    #[case::another_volume(
        json!({"properties": {"alluxio.master.journal.folder": "/data/j"}, "master": {"volumeMounts": [{"name": "v",
            "mountPath": "/data/journal"}]}}),
        json!({"folder": "/data/j", "emptyDir": true})
    )]
    fn a_journal_is_formatted_where_somebody_said_so(#[case] spec: Value, #[case] expected: Value) {
        let spec = serde_json::from_value(spec).unwrap();
        assert_eq!(super::of(&spec).unwrap(), expected);
    }

    #[rstest]
    #[case("/")]
    #[case("journal")]
    #[case("/a/../b")]
    fn other_places_are_refused(#[case] folder: &str) {
        let spec = json!({"properties": {"alluxio.master.journal.folder": folder}});
        let spec = serde_json::from_value(spec).unwrap();
        assert!(super::of(&spec).is_err());
    }
}
