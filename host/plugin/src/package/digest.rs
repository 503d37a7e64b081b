//! SHA-256 digests, written `sha256:<64 hex digits>`.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// The SHA-256 digest of a component or chart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// A text that is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest: it must be `sha256:` followed by 64 hexadecimal digits, as `sha256sum` prints them")]
pub struct DigestError(String);

impl Digest {
    /// Returns the digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Returns the hexadecimal digits without the algorithm.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns enough of the digest to recognise it in a message: `sha256:0123456789ab`.
    pub fn short(&self) -> String {
        self.to_string().chars().take("sha256:".len() + 12).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let wrong = || DigestError(text.to_owned());
        let digits = text.strip_prefix("sha256:").ok_or_else(wrong)?;
        // `from_str_radix` would accept a sign, which is not part of a digest.
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let digest = Digest::of(b"wasser");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert_eq!(digest.short().len(), 19);
    }

    #[rstest::rstest]
    #[case::no_algorithm("0123")]
    #[case::short("sha256:0123")]
    #[case::not_hexadecimal("sha256:zz23456789012345678901234567890123456789012345678901234567890123")]
    #[case::sign("sha256:+123456789012345678901234567890123456789012345678901234567890123")]
    fn a_malformed_digest_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<Digest>(), Err(DigestError(text.to_owned())));
    }
}
