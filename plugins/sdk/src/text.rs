//! Text of users on its way to a shell or into a file of the pods.

use crate::{Error, Result};

/// `text` as one word of a POSIX shell. Single quotes are understood by every shell that an image
/// may have as `sh`; the `$'…'` form is not. Every text that a user has a part in goes through this
/// on its way into a script (CVE-2023-51699 was the lack of it).
pub fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_string()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Refuses control characters and line breaks of any kind: neither scripts nor the YAML that
/// carries them can have all of them.
pub fn check(field: &str, text: &str) -> Result<()> {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    match text.chars().find(|c| breaks(*c)) {
        Some(c) => Err(Error::invalid(
            field,
            format!("contains the control character {c:?}; remove it"),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case("plain", "plain")]
    #[case("a b", "'a b'")]
    #[case("it's", r"'it'\''s'")]
    #[case("$(x)", "'$(x)'")]
    #[case("", "''")]
    fn words(#[case] text: &str, #[case] word: &str) {
        assert_eq!(super::word(text), word);
    }
}
