//! Text of users on its way to a shell or to a Java machine's command line.

pub use wasser_sdk::text::{check, word};
use wasser_sdk::{Error, Result};

/// Refuses a property that could not reach Alluxio as it is written: the image puts all of them into a shell file, and the Java machine
/// takes them apart at white space.
pub fn check_property(field: &str, name: &str, value: &str) -> Result<()> {
    let field = format!("{field}[{name}]");
    check(&field, value)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-%/:".contains(c);
    if name.is_empty() || !name.chars().all(plain) || name.starts_with('-') {
        return Err(Error::invalid(
            field,
            "is not the name of a property; use letters, digits, `.`, `-` and `_` only",
        ));
    }
    match value.trim().chars().find(|c| c.is_whitespace() || "\"'`\\$".contains(*c)) {
        Some(c) => Err(Error::invalid(
            field,
            format!("contains {c:?}, which Alluxio's start script would interpret; write the value without it"),
        )),
        None => Ok(()),
    }
}

/// Refuses an option of the Java machine that the start script would interpret. White space separates options.
pub fn check_jvm_option(field: &str, option: &str) -> Result<()> {
    check(field, option)?;
    match option.chars().find(|c| "\"'`\\$".contains(*c)) {
        Some(c) => Err(Error::invalid(
            field,
            format!("contains {c:?}, which Alluxio's start script would interpret; write the option without it"),
        )),
        None => Ok(()),
    }
}

/// Refuses a path that is not absolute, or that leads upwards.
pub fn check_path(field: &str, path: &str) -> Result<()> {
    check(field, path)?;
    let wrong = if !path.starts_with('/') {
        "is not absolute; begin it with `/`"
    } else if path.split('/').any(|part| part == "..") {
        "contains `..`; write the path without it"
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
