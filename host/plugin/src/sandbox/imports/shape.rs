//! Checks and cleans what a guest sends: names, keys and texts.

use wasser_api::text::bounded;

/// Returns whether this can be the name of an object. The name becomes part of a URL, in which `..`
/// or `/` would change the target.
pub fn is_object_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    bytes.len() <= 253
        && bytes.first().copied().is_some_and(plain)
        && bytes.last().copied().is_some_and(plain)
        && bytes.iter().all(|byte| plain(*byte) || matches!(byte, b'-' | b'.'))
        && !name.contains("..")
}

/// Returns whether this can be the key of a ConfigMap or Secret.
pub fn is_key(key: &str) -> bool {
    (1..=253).contains(&key.len())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// Returns text for a log or an event: without control characters, and with at most `limit` bytes.
/// A longer text loses its middle.
pub fn tidy(text: &str, limit: usize) -> String {
    bounded(text, limit).replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("demo-worker-0", true)]
    #[case("a.b", true)]
    #[case("", false)]
    #[case("..", false)]
    #[case("a..b", false)]
    #[case("a/b", false)]
    #[case("A", false)]
    #[case("a?x=y", false)]
    #[case("-a", false)]
    fn names_are_checked(#[case] name: &str, #[case] valid: bool) {
        assert_eq!(is_object_name(name), valid);
    }

    #[test]
    fn text_is_cut_between_characters_and_has_no_control_characters() {
        assert_eq!(tidy("a\nb\u{1b}[31m", 100), "a b [31m");
        assert_eq!(tidy("äöüäöüäöü", 12), "äö … ü");
    }
}
