//! Text of users on its way to a shell or to a Java machine's command line.

pub use wasser_sdk::text::{check, word};
use wasser_sdk::{Error, Result};

/// Refuses a property that could not reach Alluxio as it is written: the image puts all of them
/// into a shell file, and the Java machine takes them apart at white space.
pub fn check_property(field: &str, name: &str, value: &str) -> Result<()> {
    let field = format!("{field}[{}]", name.escape_debug());
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-%/:".contains(c);
    if name.is_empty() || !name.chars().all(plain) || name.starts_with('-') {
        return Err(Error::invalid(
            field,
            "is not the name of a property; use letters, digits, `.`, `-` and `_` only",
        ));
    }
    check_value(&field, value.trim())
}

/// Refuses the value of a property that the start script would interpret.
pub fn check_value(field: &str, value: &str) -> Result<()> {
    check(field, value)?;
    match value.chars().find(|c| c.is_whitespace() || "\"'`\\$".contains(*c)) {
        Some(c) => Err(Error::invalid(
            field,
            format!("contains {c:?}, which Alluxio's start script would interpret; write the value without it"),
        )),
        None => Ok(()),
    }
}

/// Refuses an option of a mount that would reach `alluxio fs mount` as another one: it becomes the
/// argument `<name>=<value>`, and Alluxio's start script hands every argument that begins with `-D`
/// or `-X` to the Java machine, in as many words as it has.
pub fn check_option(field: &str, name: &str, value: &str) -> Result<()> {
    check(field, name)?;
    check(field, value)?;
    if name.is_empty() || name.starts_with('-') || name.chars().any(|c| c.is_whitespace() || c == '=') {
        let message = "is not the name of an option; use one without white space and `=` that does not begin with `-`";
        return Err(Error::invalid(field, message));
    }
    Ok(())
}

/// Refuses an option of the Java machine that the start script would interpret. White space
/// separates options, and a word that is a pattern would become the files that it matches; one that
/// begins with `-` matches none.
pub fn check_jvm_option(field: &str, option: &str) -> Result<()> {
    check(field, option)?;
    let words = option.split_whitespace().filter(|word| !word.starts_with('-'));
    let pattern = words.flat_map(str::chars).find(|c| "*?[".contains(*c));
    match option.chars().find(|c| "\"'`\\$".contains(*c)).or(pattern) {
        Some(c) => Err(Error::invalid(
            field,
            format!("contains {c:?}, which Alluxio's start script would interpret; write the option without it"),
        )),
        None => Ok(()),
    }
}

/// Refuses a path that is not absolute, or that contains `..`.
pub fn check_path(field: &str, path: &str) -> Result<()> {
    check(field, path)?;
    let wrong = if !path.starts_with('/') {
        "is not absolute; begin it with `/`"
    } else if path.split('/').any(|part| part == "..") {
        "contains `..`; write the path without it"
    } else if path.contains("  ") {
        // Alluxio's table of mounts has two between its columns.
        "has several spaces in a row; write one"
    } else if path.split('/').any(|part| part.ends_with(' ')) {
        "has a part that ends with a space; remove that space"
    } else {
        return Ok(());
    };
    Err(Error::invalid(field, format!("`{}` {wrong}", path.escape_debug())))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case("alluxio.user.block.size.bytes.default", "16MB", true)]
    #[case("fs.oss.endpoint", " oss-cn.example.com ", true)]
    #[case("a.b", "*", true)]
    #[case("a.b", "two words", false)]
    #[case("a.b", "$(touch /owned)", false)]
    #[case("a.b", "`id`", false)]
    #[case("a.b", "x\ny", false)]
    #[case("a b", "x", false)]
    #[case("", "x", false)]
    #[case("-Dx", "x", false)]
    fn properties(#[case] name: &str, #[case] value: &str, #[case] fits: bool) {
        assert_eq!(super::check_property("f", name, value).is_ok(), fits);
    }
}
