//! Keys as cosign has them: ECDSA on P-256 with SHA-256, in PEM.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use wasser_pack::sha256;

/// What stands before the point of a P-256 key in its SubjectPublicKeyInfo.
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The bytes of an uncompressed point.
const POINT: usize = 65;
const PUBLIC: &str = "PUBLIC KEY";
const PRIVATE: &str = "PRIVATE KEY";

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is not PEM.
    #[error("it is not a key in PEM (`-----BEGIN {0}-----`)")]
    Pem(&'static str),
    /// It is another kind of key.
    #[error(
        "it is not an ECDSA key on the curve P-256, as `wasser plugin key` and `cosign generate-key-pair` make them"
    )]
    Kind,
    /// It is encrypted.
    #[error("it is encrypted; sign with `cosign sign --key`, or with a key that `wasser plugin key` makes")]
    Encrypted,
    /// It is an older form.
    #[error("it is in an older form; `openssl pkcs8 -topk8 -nocrypt -in FILE` prints it in the one that is read")]
    Sec1,
}

/// A key that verifies.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    point: Vec<u8>,
}

/// A key that signs.
pub struct PrivateKey {
    pair: EcdsaKeyPair,
}

/// A new pair of keys, each in PEM.
pub struct NewPair {
    /// The key that signs.
    pub private: String,
    /// The key that verifies.
    pub public: String,
}

impl PublicKey {
    /// Reads all public keys in a text, of which there is at least one.
    ///
    /// # Errors
    /// There is none, or one is of another kind.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, KeyError> {
        let keys = blocks(text).filter(|(label, _)| *label == PUBLIC);
        let keys = keys.map(|(_, body)| Self::of(body)).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(KeyError::Pem(PUBLIC));
        }
        Ok(keys)
    }

    fn of(body: &str) -> Result<Self, KeyError> {
        let der = decoded(body).ok_or(KeyError::Pem(PUBLIC))?;
        let point = der.strip_prefix(&P256).filter(|point| point.len() == POINT);
        Ok(Self {
            point: point.ok_or(KeyError::Kind)?.to_vec(),
        })
    }

    /// Whether this is a signature of these bytes by the key's owner.
    pub fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.point);
        key.verify(bytes, signature).is_ok()
    }

    /// Returns a short name of the key, for messages.
    pub fn name(&self) -> String {
        let der = [P256.as_slice(), &self.point].concat();
        sha256(&der).chars().skip("sha256:".len()).take(12).collect()
    }

    fn pem(&self) -> String {
        pem(PUBLIC, &[P256.as_slice(), &self.point].concat())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key {}", self.name())
    }
}

impl PrivateKey {
    /// Reads a key in PKCS #8, without a password.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (label, body) = blocks(text).next().ok_or(KeyError::Pem(PRIVATE))?;
        match label {
            PRIVATE => {}
            "EC PRIVATE KEY" | "EC PARAMETERS" => return Err(KeyError::Sec1),
            label if label.starts_with("ENCRYPTED") => return Err(KeyError::Encrypted),
            _ => return Err(KeyError::Pem(PRIVATE)),
        }
        let der = decoded(body).ok_or(KeyError::Pem(PRIVATE))?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der, &SystemRandom::new());
        Ok(Self {
            pair: pair.map_err(|_| KeyError::Kind)?,
        })
    }

    /// Makes a new pair. `None` if the system gives no random numbers.
    pub fn generate() -> Option<NewPair> {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).ok()?;
        let private = pem(PRIVATE, der.as_ref());
        let public = Self::parse(&private).ok()?.public().pem();
        Some(NewPair { private, public })
    }

    /// Signs these bytes. `None` if the system gives no random numbers.
    pub fn sign(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let signature = self.pair.sign(&SystemRandom::new(), bytes).ok()?;
        Some(signature.as_ref().to_vec())
    }

    /// Returns the key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey {
            point: self.pair.public_key().as_ref().to_vec(),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the private key of {}", self.public().name())
    }
}

/// Returns label and body of each block of a PEM text.
fn blocks(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("-----BEGIN ").skip(1).filter_map(|block| {
        let (label, rest) = block.split_once("-----")?;
        Some((label, rest.split("-----END").next()?))
    })
}

fn decoded(body: &str) -> Option<Vec<u8>> {
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut lines = format!("-----BEGIN {label}-----\n");
    for (at, letter) in text.chars().enumerate() {
        lines.push(letter);
        if at % 64 == 63 {
            lines.push('\n');
        }
    }
    if !lines.ends_with('\n') {
        lines.push('\n');
    }
    lines + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by OpenSSL, as is the signature of `a payload` below.
    const OPENSSL: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE4yEzAgvYIJgGYSygPJ1pzRRxl8hG
ARu39F2xUrHsRzqAB7H3GnoDsr9MnxseX7vYyaHVHr3mj7iT2wIcj+Lpag==
-----END PUBLIC KEY-----
";
    const SIGNATURE: &str =
        "MEUCICyGXTkZDxyUoCrp4gOrd55HoIWlsAmX125/32THK9U7AiEA5/5ikdScD8eTNzrpKSXDoQSAxFK3btK3UgcE8xyMK2M=";

    #[test]
    fn a_signature_of_another_tool_is_verified() {
        let keys = PublicKey::parse_all(&format!("a comment\n{OPENSSL}")).unwrap();
        let signature = STANDARD.decode(SIGNATURE).unwrap();
        assert!(keys[0].verifies(b"a payload", &signature));
        assert!(!keys[0].verifies(b"another payload", &signature));
        assert!(!keys[0].verifies(b"a payload", b"nonsense"));
        assert_eq!(keys[0].pem(), OPENSSL);
    }

    #[test]
    fn what_a_new_key_signs_its_public_key_verifies() {
        let pair = PrivateKey::generate().unwrap();
        let private = PrivateKey::parse(&pair.private).unwrap();
        let public = PublicKey::parse_all(&format!("{OPENSSL}{}", pair.public)).unwrap();
        let signature = private.sign(b"x").unwrap();
        assert_eq!(public[1], private.public());
        assert!(public[1].verifies(b"x", &signature) && !public[0].verifies(b"x", &signature));
        let shown = format!("{private:?} {public:?}");
        assert!(!shown.contains("BEGIN"), "{shown}");
    }

    #[test]
    fn other_keys_are_refused_with_what_helps() {
        let says = |text: &str| PrivateKey::parse(text).unwrap_err().to_string();
        assert!(says("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nx\n-----END").contains("`cosign sign --key`"));
        assert!(says("-----BEGIN EC PRIVATE KEY-----\nx\n-----END").contains("openssl pkcs8 -topk8"));
        assert!(says("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END").contains("P-256"));
        assert!(says(OPENSSL).contains("BEGIN PRIVATE KEY"));
        let says = |text: &str| PublicKey::parse_all(text).unwrap_err().to_string();
        assert!(says("nonsense").contains("BEGIN PUBLIC KEY"));
        assert!(says("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END").contains("P-256"));
    }
}
