//! Why something did not come from, or get to, a registry.

use std::error::Error;
use std::time::Duration;

use oci_client::errors::{OciDistributionError, OciErrorCode};
use wasser_pack::oci::manifest::ArtifactError;

/// The longest text of a registry that is shown.
const LONGEST: usize = 200;

/// Something with a registry that failed: what was tried, and why not.
#[derive(Debug, thiserror::Error)]
#[error("{tried}: {cause}")]
pub struct RegistryError {
    /// What was tried, and on which artifact.
    pub tried: String,
    /// The reason.
    pub cause: Cause,
}

/// Why something with a registry failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// Nobody answers there.
    #[error("{registry} cannot be reached ({reason}); check its address, and the way to it from here")]
    Unreachable {
        /// The registry.
        registry: String,
        /// The reason.
        reason: String,
    },
    /// It takes too long.
    #[error("{registry} did not answer in time ({limit:?}); try again, or look at what is between here and there")]
    Slow {
        /// The registry.
        registry: String,
        /// The time that it had.
        limit: Duration,
    },
    /// It wants other credentials.
    #[error(
        "{registry} does not allow it to {who} ({reason}); log in with `docker login`, or give credentials that may"
    )]
    NotAllowed {
        /// The registry.
        registry: String,
        /// Whom it does not allow it.
        who: String,
        /// What it says.
        reason: String,
    },
    /// There is no such artifact.
    #[error("{registry} does not have it ({reason}); check repository, tag and digest")]
    NotFound {
        /// The registry.
        registry: String,
        /// What it says.
        reason: String,
    },
    /// The answer is not one of a registry.
    #[error("what {registry} answers is not what a registry answers: {reason}; is it one?")]
    Garbage {
        /// The registry.
        registry: String,
        /// What is wrong.
        reason: String,
    },
    /// The registry says that it cannot do it.
    #[error("{registry} failed: {reason}")]
    Failed {
        /// The registry.
        registry: String,
        /// What it says.
        reason: String,
    },
    /// What came has another digest.
    #[error("{registry} answers with other bytes than were asked for: {reason}; do not trust it")]
    Digest {
        /// The registry.
        registry: String,
        /// The digests.
        reason: String,
    },
    /// What came is not a plugin.
    #[error(transparent)]
    Artifact(ArtifactError),
    /// Credentials would be read on the way.
    #[error("credentials are not sent unencrypted to {registry}; speak to it with encryption, or without credentials")]
    Unencrypted {
        /// The registry.
        registry: String,
    },
    /// A registry wants credentials in a way in which others can read them.
    #[error(
        "{registry} has user and password sent unencrypted to {realm} for a token, so they are not sent; let the \
         registry name an https address in its `WWW-Authenticate`"
    )]
    UnencryptedToken {
        /// The registry.
        registry: String,
        /// Where it wants them.
        realm: String,
    },
    /// Nobody has signed it.
    #[error(
        "it is not signed (there is no {0}); sign it with `wasser plugin sign`, or with `cosign sign --key KEY \
         --new-bundle-format=false --use-signing-config=false`: bundles are not looked at"
    )]
    Unsigned(String),
    /// Others have signed it.
    #[error("none of its {found} signatures is by a key that is trusted here ({keys}); sign it with one of them")]
    WrongSignature {
        /// The number of signatures.
        found: usize,
        /// The names of the keys.
        keys: String,
    },
    /// One more signature would not be looked at.
    #[error(
        "{place} has {most} signatures already, and no more are looked at; delete that tag from the registry, and sign \
         again with the keys that are trusted now"
    )]
    TooManySignatures {
        /// Where they are.
        place: String,
        /// How many there can be.
        most: usize,
    },
    /// An artifact is pushed under a tag.
    #[error("there is no tag; write {0}:VERSION")]
    NoTag(String),
    /// The client cannot be made.
    #[error(
        "a connection cannot be prepared: {0}; certificates of authorities are looked for where SSL_CERT_FILE says"
    )]
    Client(String),
}

impl Cause {
    /// Whether the same attempt can only fail again, until somebody changes something.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Artifact(_) | Self::Unencrypted { .. } | Self::NoTag(_) => true,
            Self::Unreachable { .. }
            | Self::Slow { .. }
            | Self::NotAllowed { .. }
            | Self::NotFound { .. }
            | Self::Garbage { .. }
            | Self::Failed { .. }
            | Self::Digest { .. }
            | Self::UnencryptedToken { .. }
            | Self::Unsigned(_)
            | Self::WrongSignature { .. }
            | Self::TooManySignatures { .. }
            | Self::Client(_) => false,
        }
    }

    /// Whether it fails until somebody changes something, in the artifact or in how it is asked for.
    /// Time alone, and what is between here and the registry, do not help.
    pub fn needs_change(&self) -> bool {
        let is_untrusted = matches!(self, Self::Unsigned(_) | Self::WrongSignature { .. });
        self.is_lasting() || is_untrusted || matches!(self, Self::UnencryptedToken { .. })
    }

    /// Translates what the client of registries says.
    pub(crate) fn of(error: OciDistributionError, registry: &str, who: &str, limit: Duration) -> Self {
        let at = registry;
        let registry = registry.to_owned();
        let not_allowed = |reason: String| Self::NotAllowed {
            registry: at.to_owned(),
            who: who.to_owned(),
            reason: shortened(&reason),
        };
        match error {
            OciDistributionError::RequestError(error) if error.is_timeout() => Self::Slow { registry, limit },
            OciDistributionError::RequestError(error) if error.is_connect() => Self::Unreachable {
                reason: root(&error),
                registry,
            },
            OciDistributionError::RequestError(error) => match error.status().map(|status| status.as_u16()) {
                Some(401 | 403) => not_allowed(root(&error)),
                Some(code) => Self::Failed {
                    registry,
                    reason: format!("it answers {code}"),
                },
                None => Self::Garbage {
                    reason: root(&error),
                    registry,
                },
            },
            OciDistributionError::AuthenticationFailure(reason) => not_allowed(reason),
            OciDistributionError::UnauthorizedError { .. } => not_allowed("it answers 401".to_owned()),
            OciDistributionError::ServerError { code, message, .. } => {
                Self::of_status(code, &format!("it answers {code}: {message}"), registry, not_allowed)
            }
            OciDistributionError::RegistryError { envelope, .. } => {
                let codes = envelope.errors.iter().map(|error| &error.code);
                let code = codes.fold(400, |code, named| match named {
                    OciErrorCode::ManifestUnknown
                    | OciErrorCode::NameUnknown
                    | OciErrorCode::NotFound
                    | OciErrorCode::BlobUnknown => 404,
                    OciErrorCode::Unauthorized | OciErrorCode::Denied => 403,
                    _ => code,
                });
                Self::of_status(code, &envelope.to_string(), registry, not_allowed)
            }
            OciDistributionError::ImageManifestNotFoundError(reason) => Self::NotFound { registry, reason },
            OciDistributionError::DigestError(error) => Self::Digest {
                registry,
                reason: error.to_string(),
            },
            error => Self::Garbage {
                registry,
                reason: shortened(&error.to_string()),
            },
        }
    }

    fn of_status(code: u16, reason: &str, registry: String, not_allowed: impl Fn(String) -> Self) -> Self {
        let reason = shortened(reason);
        match code {
            401 | 403 => not_allowed(reason),
            404 => Self::NotFound { registry, reason },
            _ => Self::Failed { registry, reason },
        }
    }
}

/// Returns the innermost reason, which is the one that says something.
fn root(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    shortened(&innermost.to_string())
}

/// Returns a text of others on one line, and not endlessly.
pub(crate) fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    line.chars().take(LONGEST).chain(['…']).collect()
}
