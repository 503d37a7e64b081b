//! `juicefs status <metadata engine>` of the community edition: a JSON document with the settings
//! of the file system first and a list of sessions, which can be long, after them.

/// Returns the unique id of the file system, by which its blocks are found in a cache directory. It
/// is found by its key rather than by reading the document, since the limit of the output can cut
/// off the list of sessions.
pub fn file_system_id(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("\"UUID\"")?;
    let id = rest
        .trim_start()
        .strip_prefix(':')?
        .trim_start()
        .strip_prefix('"')?
        .split('"')
        .next()?;
    let fits = id.len() == 36 && id.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    fits.then_some(id)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case::whole(
        "{\n  \"Setting\": {\n    \"Name\": \"minio\",\n    \"UUID\": \
            \"0a6a0c6b-8d5a-4b5c-9d0f-4f2e6f0f4c11\",\n    \"Storage\": \"file\"\n  }\n}",
        Some("0a6a0c6b-8d5a-4b5c-9d0f-4f2e6f0f4c11")
    )]
    #[case::cut_off(
        "{\"Setting\": {\"UUID\":\"0a6a0c6b-8d5a-4b5c-9d0f-4f2e6f0f4c11\"},\"Sess",
        Some("0a6a0c6b-8d5a-4b5c-9d0f-4f2e6f0f4c11")
    )]
    #[case::a_path_instead("{\"UUID\": \"../../../../../../../../../../etc\"}", None)]
    #[case::absent("{\"Setting\": {}}", None)]
    #[case::unfinished("{\"UUID\": \"0a6a", None)]
    fn the_id_is_found(#[case] text: &str, #[case] id: Option<&str>) {
        assert_eq!(super::file_system_id(text), id);
    }
}
