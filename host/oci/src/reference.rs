//! Names artifacts: `registry/repository:tag@sha256:…`.

use std::fmt;
use std::str::FromStr;

use wasser_pack::hex_of;

/// The name of an artifact in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    parsed: oci_client::Reference,
    /// A reference without a tag gets `latest` when it is parsed.
    has_tag: bool,
}

/// A text that names no artifact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` does not name an artifact: {reason}; write REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:…")]
pub struct ReferenceError {
    text: String,
    reason: String,
}

impl Reference {
    /// Returns the host of the registry, with its port.
    pub fn registry(&self) -> &str {
        self.parsed.registry()
    }

    /// Returns registry and repository.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.registry(), self.parsed.repository())
    }

    /// Returns the last part of the repository.
    pub fn name(&self) -> &str {
        let repository = self.parsed.repository();
        repository.rsplit_once('/').map_or(repository, |(_, name)| name)
    }

    /// Returns the tag, if one is written.
    pub fn tag(&self) -> Option<&str> {
        self.parsed.tag().filter(|_| self.has_tag)
    }

    /// Returns the digest, if one is written.
    pub fn digest(&self) -> Option<&str> {
        self.parsed.digest()
    }

    /// Returns the same with this digest. A tag stays, for people.
    #[must_use]
    pub fn at(&self, digest: &str) -> Self {
        let (registry, repository) = (self.registry().to_owned(), self.parsed.repository().to_owned());
        let parsed = match self.tag() {
            Some(tag) => {
                oci_client::Reference::with_tag_and_digest(registry, repository, tag.to_owned(), digest.to_owned())
            }
            None => oci_client::Reference::with_digest(registry, repository, digest.to_owned()),
        };
        Self {
            parsed,
            has_tag: self.has_tag,
        }
    }

    /// Returns this tag in the same repository.
    #[must_use]
    pub fn tagged(&self, tag: &str) -> Self {
        let (registry, repository) = (self.registry().to_owned(), self.parsed.repository().to_owned());
        Self {
            parsed: oci_client::Reference::with_tag(registry, repository, tag.to_owned()),
            has_tag: true,
        }
    }

    /// Whether the registry is on this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.registry();
        is_loopback(host.rsplit_once(':').map_or(host, |(host, _)| host))
    }

    pub(crate) fn parsed(&self) -> &oci_client::Reference {
        &self.parsed
    }
}

/// Whether a host without its port is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl FromStr for Reference {
    type Err = ReferenceError;

    /// Reads a reference, with or without `oci://` before it.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let refused = |reason: &str| ReferenceError {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        let name = text.strip_prefix("oci://").unwrap_or(text);
        let parsed: oci_client::Reference = name.parse().map_err(|error| refused(&format!("{error}")))?;
        if parsed.digest().is_some_and(|digest| hex_of(digest).is_none()) {
            return Err(refused("its digest is not `sha256:` and 64 hexadecimal digits"));
        }
        let (before_digest, _) = name.split_once('@').unwrap_or((name, ""));
        let (first, last) = before_digest
            .rsplit_once('/')
            .ok_or_else(|| refused("it has no registry"))?;
        let host = first.split('/').next().unwrap_or_default();
        if !(host.contains(['.', ':']) || host == "localhost") {
            return Err(refused("it has no registry"));
        }
        Ok(Self {
            has_tag: last.contains(':'),
            parsed,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry(), self.parsed.repository())?;
        if let Some(tag) = self.tag() {
            write!(f, ":{tag}")?;
        }
        match self.digest() {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[rstest]
    #[case("ghcr.io/me/my-cache:0.1.0")]
    #[case("localhost:5000/my-cache:0.1.0")]
    #[case("127.0.0.1:5000/my-cache")]
    #[case("example.com/a/b/c@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    fn a_reference_is_shown_as_it_was_written(#[case] text: &str) {
        let reference: Reference = text.parse().unwrap();
        assert_eq!(reference.to_string(), text);
        assert_eq!(format!("oci://{text}").parse(), Ok(reference));
    }

    #[test]
    fn a_digest_is_added_and_the_tag_stays() {
        let reference: Reference = "ghcr.io/me/my-cache:1".parse().unwrap();
        let text = format!("ghcr.io/me/my-cache:1@{DIGEST}");
        assert_eq!(reference.at(DIGEST).to_string(), text);
        assert_eq!(text.parse::<Reference>().unwrap(), reference.at(DIGEST));
        let without: Reference = "ghcr.io/me/my-cache".parse().unwrap();
        assert_eq!(without.tag(), None);
        assert_eq!(without.at(DIGEST).to_string(), format!("ghcr.io/me/my-cache@{DIGEST}"));
    }

    #[rstest]
    #[case("my-cache", "has no registry")]
    #[case("me/my-cache:1", "has no registry")]
    #[case("ghcr.io/Me/x", "does not name an artifact")]
    #[case("ghcr.io/me/x@sha256:12", "does not name an artifact")]
    #[case("", "does not name an artifact")]
    fn others_are_refused(#[case] text: &str, #[case] says: &str) {
        let refused = text.parse::<Reference>().unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }

    #[rstest]
    #[case("localhost:5000/x", true)]
    #[case("127.0.0.1:5000/x", true)]
    #[case("example.com/x", false)]
    #[case("localhost.example.com/x", false)]
    fn loopback_is_this_machine(#[case] text: &str, #[case] is_loopback: bool) {
        assert_eq!(text.parse::<Reference>().unwrap().is_loopback(), is_loopback);
    }
}
