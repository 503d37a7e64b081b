//! Digests as people and registries write them.

/// Returns the hexadecimal digits of these bytes.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
