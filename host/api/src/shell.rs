//! Texts on their way to a shell.

/// `text` as one word of a POSIX shell. Single quotes are understood by every shell that an image
/// may have as `sh`; the `$'…'` form is not.
pub fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("plain", "plain")]
    #[case("/home/me/.kube/config", "/home/me/.kube/config")]
    #[case("arn:aws:eks:eu-1:1:cluster/a", "arn:aws:eks:eu-1:1:cluster/a")]
    #[case("a b", "'a b'")]
    #[case("/home/me/My Clusters/a.yaml", "'/home/me/My Clusters/a.yaml'")]
    #[case("it's", r"'it'\''s'")]
    #[case("$(x)", "'$(x)'")]
    #[case("$HOME;`id`", "'$HOME;`id`'")]
    #[case("~/a", "'~/a'")]
    #[case("", "''")]
    fn a_word_is_one_for_a_shell(#[case] text: &str, #[case] is: &str) {
        assert_eq!(word(text), is);
    }
}
