//! `alluxio fs mount`: without arguments, the table of mounts; with them, one more mount.

/// What is mounted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountTable {
    /// The paths, sorted.
    pub paths: Vec<String>,
    /// The data source of the root.
    pub root: Option<String>,
}

impl MountTable {
    /// Reads lines of the form `<source>  on  <path>  (…)`; others are skipped.
    pub fn parse(text: &str) -> Self {
        let row = |line: &str| {
            let (source, rest) = line.split_once("  on  ")?;
            let (path, _) = rest.split_once("  (")?;
            path.starts_with('/')
                .then(|| (path.trim_end().to_string(), source.trim().to_string()))
        };
        let mut rows: Vec<(String, String)> = text.lines().filter_map(row).collect();
        rows.sort();
        let root = rows
            .iter()
            .find(|(path, _)| path == "/")
            .map(|(_, source)| source.clone());
        MountTable {
            paths: rows.into_iter().map(|(path, _)| path).collect(),
            root,
        }
    }
}

/// What is for people in the output of a failed command: Alluxio prints it among stack traces and
/// lines of its log.
pub fn reasons(text: &str) -> String {
    let is_noise = |line: &str| {
        let line = line.trim_start();
        line.is_empty()
            || [
                "at ",
                "... ",
                "Caused by:",
                "SLF4J:",
                "}",
                "ttl",
                "commonOptions",
                "shared:",
                "Acquired mount ID",
            ]
            .iter()
            .any(|start| line.starts_with(start))
            || line.contains(" ERROR ")
            || line.contains(" WARN ")
            || line.contains("mount command: alluxio fs mount ")
    };
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().filter(|line| !is_noise(line)) {
        let line = line
            .rsplit_once("Exception: ")
            .map_or(line, |(_, message)| message)
            .trim();
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let from = lines.len().saturating_sub(4);
    match lines.get(from..) {
        Some([]) | None => "it did not say why".to_string(),
        Some(lines) => lines.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::recorded(include_str!("../../tests/reports/mounts.txt"), &["/", "/a", "/b"])]
    #[case::another_version("https://mirror.example.com/spark/  on  /spark  (web, capacity=-1B, used=-1B, read-only, \
        not shared, properties={})", &["/spark"])]
    #[case::space_in_path("s3://b/x  on  /my data  (s3, capacity=-1B)", &["/my data"])]
    #[case::parenthesis_in_path("s3://b/x on y  on  /data (copy)  (s3, capacity=-1B)", &["/data (copy)"])]
    #[case::cut_off("/data/a   on  /a  (local, cap\n/data/b   on  /b", &["/a"])]
    #[case::noise("SLF4J: Class path contains multiple bindings.\nmake  sense on it (or not)", &[])]
    #[case::empty("", &[])]
    fn paths_are_read(#[case] text: &str, #[case] paths: &[&str]) {
        assert_eq!(MountTable::parse(text).paths, paths);
    }

    #[test]
    fn the_source_of_the_root_is_read() {
        let table = MountTable::parse(include_str!("../../tests/reports/mounts.txt"));
        assert_eq!(table.root.as_deref(), Some("/underFSStorage"));
        assert_eq!(MountTable::parse("s3://b  on  /b  (s3, capacity=-1B)").root, None);
    }

    #[rstest]
    #[case::refused(include_str!("../../tests/reports/mount-refused.txt"), "Ufs path /nonexist does not exist")]
    #[case::there_already(
        include_str!("../../tests/reports/mount-exists.txt"),
        "Mount point target path /a already exists in Alluxio namespace. Try mounting to another path."
    )]
    #[case::plain(
        "Failed to unmount: Path /zzz does not exist",
        "Failed to unmount: Path /zzz does not exist"
    )]
    #[case::nothing("", "it did not say why")]
    fn people_read_what_is_for_them(#[case] text: &str, #[case] said: &str) {
        assert_eq!(reasons(text), said);
    }
}
