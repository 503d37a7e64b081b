//! JSON pointers, by which fields are named to people.

/// Returns the path of a field below another one, escaped as RFC 6901 wants it.
pub fn below(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn names_with_slashes_are_one_step() {
        assert_eq!(below(&below("", "a/b"), "~c"), "/a~1b/~0c");
    }
}
