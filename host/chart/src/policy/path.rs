//! Paths of a node.

/// Returns an absolute path without what does not matter in it. None if it is not absolute, or
/// leads upwards.
pub fn normal(path: &str) -> Option<String> {
    let rest = path.strip_prefix('/')?;
    let parts: Vec<&str> = rest
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    (!parts.contains(&"..")).then(|| format!("/{}", parts.join("/")))
}

/// Whether a normal path is this directory or below it.
pub fn is_within(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || directory == "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_upwards_is_not_looked_at() {
        assert_eq!(normal("//a/./b/").as_deref(), Some("/a/b"));
        assert_eq!(normal("/").as_deref(), Some("/"));
        assert_eq!(normal("/a/../b"), None);
        assert_eq!(normal("a"), None);
    }

    #[test]
    fn what_begins_with_the_same_letters_is_not_below() {
        assert!(is_within("/a/b", "/a") && is_within("/a", "/a") && is_within("/a", "/"));
        assert!(!is_within("/ab", "/a") && !is_within("/", "/a"));
    }
}
