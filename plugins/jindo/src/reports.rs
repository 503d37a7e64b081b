//! What the master's commands print.

/// Returns capacity and used bytes of `jindocache -report`; `None` if a line is missing or is not a
/// size. `memory` asks for the cache in memory.
pub fn report(text: &str, memory: bool) -> Option<(u64, u64)> {
    let medium = if memory { "MEM" } else { "Disk" };
    let line = |start: &str| {
        let prefix = format!("{start} {medium} Capacity: ");
        text.lines()
            .find_map(|line| line.trim().strip_prefix(&prefix))
            .and_then(size)
    };
    Some((line("Total")?, line("Used")?))
}

/// Returns the bytes of a size such as `250.38GB`; every unit counts in 1024.
pub fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number: f64 = text.get(..end)?.parse().ok()?;
    let unit = text.get(end..)?.trim().to_ascii_uppercase();
    let shift = match unit.trim_end_matches('B').trim_end_matches('I') {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        "P" => 50,
        _ => return None,
    };
    Some((number * (1u64 << shift) as f64) as u64)
}

/// Returns the paths that `jindocache -mount` lists; a line without a third field names none.
pub fn mounts(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.split_whitespace().nth(2)).collect()
}

/// Files and bytes of `jindo fs -count`: folders, files, bytes, path.
pub fn count(text: &str) -> Option<(u64, u64)> {
    let mut fields = text.split_whitespace().skip(1);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
