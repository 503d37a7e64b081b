//! `juicefs info --recursive <directory>`.

/// The number of files.
pub fn files(text: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.trim().strip_prefix("files:"))
        .and_then(|number| number.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_line_of_files_is_read() {
        let text = "/mnt/jfs :\n  inode: 1\n  files: 4\n   dirs: 3\n length: 5.00 MiB (5242880 Bytes)\n   size: 5.01 MiB (5255168 Bytes)\n   path: /";
        assert_eq!(super::files(text), Some(4));
        assert_eq!(super::files("  files: many"), None);
        assert_eq!(super::files(""), None);
    }
}
