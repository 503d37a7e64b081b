//! Signatures of records. Who may write Secrets or ConfigMaps in a namespace need not be allowed
//! privileged pods, and what a record says of images becomes pods with the next upgrade.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// The key that an installation signs its records with.
#[derive(Debug, Clone)]
pub struct SigningKey(hmac::Key);

/// What of a record is signed: nothing of it can be exchanged, and it cannot be taken for that of
/// another release, of another revision, or of a later runtime of the same name.
pub(super) struct Signed<'a> {
    pub namespace: &'a str,
    pub release: &'a str,
    /// UID of the runtime.
    pub owner: &'a str,
    pub revision: u32,
    /// The encoded record.
    pub text: &'a [u8],
}

impl SigningKey {
    /// The key of these bytes, which should be random and [`KEY_BYTES`] many.
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Bytes for a new key.
    ///
    /// # Errors
    /// If the system has no random bytes.
    pub fn generate() -> std::io::Result<[u8; KEY_BYTES]> {
        let mut bytes = [0; KEY_BYTES];
        let filled = SystemRandom::new().fill(&mut bytes);
        filled.map_err(|_| std::io::Error::other("the system has no random bytes"))?;
        Ok(bytes)
    }

    pub(super) fn sign(&self, signed: &Signed<'_>) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        signed.parts(|part| context.update(part));
        BASE64.encode(context.sign())
    }

    /// Whether this is what [`sign`](Self::sign) made.
    pub(super) fn verify(&self, signed: &Signed<'_>, signature: &str) -> bool {
        let mut message = Vec::new();
        signed.parts(|part| message.extend_from_slice(part));
        let Ok(signature) = BASE64.decode(signature) else {
            return false;
        };
        hmac::verify(&self.0, &message, &signature).is_ok()
    }
}

impl Signed<'_> {
    /// Each part after its length, so that nothing can move from one into the next.
    fn parts(&self, mut take: impl FnMut(&[u8])) {
        let revision = self.revision.to_be_bytes();
        let names = [self.namespace, self.release, self.owner].map(str::as_bytes);
        for part in names.into_iter().chain([&revision[..], self.text]) {
            take(&(part.len() as u64).to_be_bytes());
            take(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> Signed<'static> {
        Signed {
            namespace: "ns",
            release: "demo",
            owner: "uid",
            revision: 2,
            text: b"text",
        }
    }

    #[test]
    fn a_signature_holds_for_one_record_alone() {
        let key = SigningKey::new(&[7; KEY_BYTES]);
        let signature = key.sign(&signed());
        assert!(key.verify(&signed(), &signature));
        let others = [
            Signed {
                namespace: "n",
                release: "sdemo",
                ..signed()
            },
            Signed {
                release: "other",
                ..signed()
            },
            Signed {
                owner: "later",
                ..signed()
            },
            Signed {
                revision: 3,
                ..signed()
            },
            Signed {
                text: b"texts",
                ..signed()
            },
        ];
        for other in others {
            assert!(!key.verify(&other, &signature));
        }
        assert!(!SigningKey::new(&[8; KEY_BYTES]).verify(&signed(), &signature));
        for wrong in ["", "no base64!", "AAAA"] {
            assert!(!key.verify(&signed(), wrong), "{wrong}");
        }
    }

    #[test]
    fn keys_are_random() {
        assert_ne!(SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    }
}
