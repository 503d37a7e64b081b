//! How much there is: `alluxio fs count /`, and the master's counter of files.

/// What `alluxio fs count` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Files.
    pub files: u64,
    /// Directories.
    pub folders: u64,
    /// Bytes of the files.
    pub bytes: u64,
}

/// Reads the line of three numbers: files, directories, bytes. It comes after the headings, and in
/// some versions after warnings.
pub fn count(text: &str) -> Option<Count> {
    let numbers = |line: &str| {
        let numbers: Option<Vec<u64>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
        match numbers?.as_slice() {
            [files, folders, bytes] => Some(Count {
                files: *files,
                folders: *folders,
                bytes: *bytes,
            }),
            _ => None,
        }
    };
    text.lines().rev().find_map(numbers)
}

/// Reads the number of complete files from `alluxio fsadmin report metrics`.
pub fn files_completed(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("Master.FilesCompleted "))?;
    let (_, value) = line.split_once("Value: ")?;
    value.trim_end_matches(')').replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::recorded(include_str!("../../tests/reports/count.txt"), Some((6, 3, 2_548_576)))]
    #[case::warned("WARN something\nFile Count Folder Count Folder Size\n1 2 3", Some((1, 2, 3)))]
    #[case::readable("File Count Folder Count Folder Size\n1 2 3.5MB", None)]
    #[case::cut_off("File Count               Folder Count             Folder Size\n6      3", None)]
    #[case::negative("6 3 -1", None)]
    #[case::error("/ does not exist", None)]
    #[case::empty("", None)]
    fn counts(#[case] text: &str, #[case] expected: Option<(u64, u64, u64)>) {
        assert_eq!(count(text).map(|c| (c.files, c.folders, c.bytes)), expected);
    }

    #[rstest]
    #[case::recorded(include_str!("../../tests/reports/metrics.txt"), Some(6))]
    #[case::with_commas("Master.FilesCompleted  (Type: COUNTER, Value: 1,280,167)", Some(1_280_167))]
    #[case::indented("    Master.FilesCompleted  (Type: COUNTER, Value: 12)", Some(12))]
    #[case::another("Master.FilesCompletedTwice  (Type: COUNTER, Value: 12)", None)]
    #[case::cut_off("Master.FilesCompleted  (Type: COUNT", None)]
    #[case::in_units("Master.FilesCompleted  (Type: COUNTER, Value: 1.2K)", None)]
    #[case::empty("", None)]
    fn files(#[case] text: &str, #[case] expected: Option<u64>) {
        assert_eq!(files_completed(text), expected);
    }
}
