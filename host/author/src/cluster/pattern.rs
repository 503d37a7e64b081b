//! Which calls a line of a script is for.

/// The word for all further ones.
const REST: &str = "...";

/// Returns whether a text fits a pattern in which `*` stands for anything. No pattern fits all.
pub fn fits(pattern: Option<&str>, text: &str) -> bool {
    let Some(pattern) = pattern else { return true };
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    true
}

/// Returns whether a command fits the words of a pattern.
pub fn are_words(pattern: &[String], argv: &[String]) -> bool {
    let (pattern, is_open) = match pattern.split_last() {
        Some((last, before)) if last == REST => (before, true),
        _ => (pattern, false),
    };
    let is_long_enough = argv.len() == pattern.len() || (is_open && argv.len() > pattern.len());
    is_long_enough
        && pattern
            .iter()
            .zip(argv)
            .all(|(pattern, word)| fits(Some(pattern), word))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("demo-worker-0", true)]
    #[case("demo-*", true)]
    #[case("*-0", true)]
    #[case("*", true)]
    #[case("d*-w*-0", true)]
    #[case("d*-x*-0", false)]
    #[case("demo", false)]
    #[case("demo-worker-0*0", false)]
    #[case("", false)]
    fn a_star_stands_for_anything(#[case] pattern: &str, #[case] expected: bool) {
        assert_eq!(fits(Some(pattern), "demo-worker-0"), expected);
        assert!(fits(None, "demo-worker-0"));
    }

    #[rstest]
    #[case(&["df", "-P", "/mnt"], true)]
    #[case(&["df", "*", "/mnt"], true)]
    #[case(&["df", "..."], true)]
    #[case(&["..."], true)]
    #[case(&["df", "-P", "/mnt", "..."], true)]
    #[case(&["df", "-P"], false)]
    #[case(&["df", "-P", "/mnt", "x", "..."], false)]
    #[case(&[], false)]
    fn words_fit_one_by_one(#[case] pattern: &[&str], #[case] expected: bool) {
        let owned = |words: &[&str]| words.iter().map(|word| word.to_string()).collect::<Vec<_>>();
        assert_eq!(are_words(&owned(pattern), &owned(&["df", "-P", "/mnt"])), expected);
    }
}
