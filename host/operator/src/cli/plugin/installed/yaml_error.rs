//! Why a plugin.yaml cannot be read.

/// A text that is not a plugin.yaml.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    /// It is too long.
    #[error("plugin.yaml has {bytes} bytes, and at most {most} are read here")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The longest that is read.
        most: usize,
    },
    /// It is not YAML, or not of the right form.
    #[error("plugin.yaml: {0}")]
    Yaml(String),
    /// It has a field that nobody knows.
    #[error("plugin.yaml: there is no field `{0}`; correct it, or use a newer version of this program")]
    Unknown(String),
}
