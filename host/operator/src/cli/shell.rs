//! Words of commands that are printed to be copied into a shell.

/// Returns a text as one word of a command, between quotes if a shell would take it for something else.
pub fn word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_./:@%+=,-".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/home/me/.kube/config", "/home/me/.kube/config")]
    #[case("arn:aws:eks:eu-1:1:cluster/a", "arn:aws:eks:eu-1:1:cluster/a")]
    #[case("/home/me/My Clusters/a.yaml", "'/home/me/My Clusters/a.yaml'")]
    #[case("it's", r"'it'\''s'")]
    #[case("$HOME;`id`", "'$HOME;`id`'")]
    #[case("~/a", "'~/a'")]
    #[case("", "''")]
    fn a_word_is_one_for_a_shell(#[case] text: &str, #[case] is: &str) {
        assert_eq!(word(text), is);
    }
}
