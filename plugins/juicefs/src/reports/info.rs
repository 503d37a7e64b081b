//! `juicefs info --recursive <directory>`.

/// Returns the number of files.
pub fn files(text: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.trim().strip_prefix("files:"))
        .and_then(|number| number.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case::recorded(
        "mnt :\n  inode: 1\n  files: 4\n   dirs: 3\n length: 5.00 MiB (5242886 Bytes)\n   size: 5.03 MiB (5275648 \
            Bytes)\n   path: /",
        Some(4)
    )]
    #[case::cut_off("mnt :\n  inode: 1\n  fil", None)]
    #[case::no_number("  files: many", None)]
    #[case::negative("  files: -1", None)]
    #[case::empty("", None)]
    fn the_line_of_files_is_read(#[case] text: &str, #[case] files: Option<u64>) {
        assert_eq!(super::files(text), files);
    }
}
