//! `df -P`, in blocks of one byte (`-B 1`) or in inodes (`-i`).

/// Returns how much of the file system at `mount_path` is in use, in the units that `df` was asked
/// for. `None` if nothing is mounted there, and `df` shows the file system around it.
pub fn used(text: &str, mount_path: &str) -> Option<u64> {
    let line = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|fields| fields.last() == Some(&mount_path))?;
    // From the end, since the name of a file system may contain spaces: used, available, share,
    // mount point.
    line.len()
        .checked_sub(4)
        .filter(|at| *at >= 2)
        .and_then(|at| line.get(at)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    const MOUNT: &str = "/runtime-mnt/juicefs/default/jfsdemo/juicefs-fuse";

    #[rstest]
    #[case::coreutils_bytes(
        "Filesystem                    1-blocks   Used       Available Capacity Mounted on\n\
         JuiceFS:minio            1125899906842624 139264 1125899906703360       1% \
         /runtime-mnt/juicefs/default/jfsdemo/juicefs-fuse",
        Some(139_264)
    )]
    #[case::busybox_bytes(
        "Filesystem           1-blocks       Used Available Capacity Mounted on\n\
         JuiceFS:minio        1125899906842624    139264 1125899906703360   0% \
         /runtime-mnt/juicefs/default/jfsdemo/juicefs-fuse",
        Some(139_264)
    )]
    #[case::inodes(
        "Filesystem      Inodes IUsed    IFree IUse% Mounted on\n\
         JuiceFS:minio 10485767     7 10485760    1% /runtime-mnt/juicefs/default/jfsdemo/juicefs-fuse",
        Some(7)
    )]
    #[case::recorded(
        "Filesystem             1-blocks    Used        Available Capacity Mounted on\n\
         JuiceFS:files  1125899906842624 5259264 1125899901583360       1% \
         /runtime-mnt/juicefs/default/jfsdemo/juicefs-fuse",
        Some(5_259_264)
    )]
    #[case::other_units(
        "Filesystem     1024-blocks  Used     Available Capacity Mounted on\n\
         JuiceFS:files 1099511627776  5.1M 1099511622640       1% /runtime-mnt/juicefs/default/jfsdemo/juicefs-fuse",
        None
    )]
    #[case::cut_off("JuiceFS:files  1125899906842624 5259264 11258999015833", None)]
    #[case::negative("JuiceFS:x 100 -40 60 40% /runtime-mnt/juicefs/default/jfsdemo/juicefs-fuse", None)]
    #[case::name_with_spaces(
        "JuiceFS:my files 100 40 60 40% /runtime-mnt/juicefs/default/jfsdemo/juicefs-fuse",
        Some(40)
    )]
    #[case::not_mounted(
        "Filesystem 1-blocks Used Available Capacity Mounted on\noverlay 1000 400 600 40% /",
        None
    )]
    #[case::another_mount("JuiceFS:x 100 40 60 40% /runtime-mnt/juicefs/default/jfsdemo/juicefs-fuse2", None)]
    #[case::empty("", None)]
    #[case::short("1 2 3 /runtime-mnt/juicefs/default/jfsdemo/juicefs-fuse", None)]
    fn the_line_of_the_mount_is_read(#[case] text: &str, #[case] used: Option<u64>) {
        assert_eq!(super::used(text, MOUNT), used);
    }
}
