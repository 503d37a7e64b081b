//! SHA-256 digests as registries and registrations write them.

use sha2::{Digest, Sha256};

/// Returns `sha256:` and the digest of these bytes in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest
        .iter()
        .fold("sha256:".to_owned(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// Returns the hexadecimal digits of a digest, or `None` if the text is not one. What is one leads to
/// no other file and no other address.
pub fn hex_of(digest: &str) -> Option<&str> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let hex = digest.strip_prefix("sha256:")?;
    (hex.len() == 64 && hex.bytes().all(is_hex)).then_some(hex)
}
