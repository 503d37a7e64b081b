//! The CRDs that a plugin package carries.

use std::io::Read;

use flate2::read::GzDecoder;
use wasmparser::{Encoding, Parser, Payload};

/// The custom section of a component that holds its CRDs, as concatenated JSON documents, gzipped.
pub const CRD_SECTION: &str = "wasser:crd";
/// The maximum size of the section, in bytes of JSON. An API server accepts 1.5 MiB per CRD.
const MAX_CRD: u64 = 4 << 20;

/// Why the CRDs of a package cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CrdError {
    /// The component has no such section.
    #[error("the component has no custom section `{CRD_SECTION}`; a package made by `cargo xtask guests` has one")]
    Missing,
    /// The file is a core module.
    #[error(
        "this is a core WebAssembly module, not a component; make a component of it with `wasm-tools component \
         new`"
    )]
    NotComponent,
    /// The file is not WebAssembly.
    #[error("this is not a WebAssembly binary: {0}")]
    NotWasm(String),
    /// The section does not hold gzipped JSON of a sensible size.
    #[error("the custom section `{CRD_SECTION}` is not gzipped JSON of at most {MAX_CRD} bytes: {0}")]
    Invalid(String),
}

/// Returns the CRDs in a component, as JSON. The first one belongs to the kind that the plugin
/// serves. The component is neither compiled nor run.
///
/// # Errors
/// The file is not a component, or has no valid section with CRDs.
pub fn crds(component: &[u8]) -> Result<Vec<serde_json::Value>, CrdError> {
    for (index, payload) in Parser::new(0).parse_all(component).enumerate() {
        let payload = payload.map_err(|error| CrdError::NotWasm(error.to_string()))?;
        // A component begins like a module, and contains modules.
        if let (
            0,
            Payload::Version {
                encoding: Encoding::Module,
                ..
            },
        ) = (index, &payload)
        {
            return Err(CrdError::NotComponent);
        }
        if let Payload::CustomSection(section) = payload
            && section.name() == CRD_SECTION
        {
            let mut json = Vec::new();
            let mut unpacked = GzDecoder::new(section.data()).take(MAX_CRD + 1);
            unpacked
                .read_to_end(&mut json)
                .map_err(|error| CrdError::Invalid(error.to_string()))?;
            if json.len() as u64 > MAX_CRD {
                return Err(CrdError::Invalid("it is larger".to_owned()));
            }
            let found = serde_json::Deserializer::from_slice(&json)
                .into_iter()
                .collect::<Result<Vec<_>, _>>();
            let found = found.map_err(|error| CrdError::Invalid(error.to_string()))?;
            return if found.is_empty() {
                Err(CrdError::Invalid("it is empty".to_owned()))
            } else {
                Ok(found)
            };
        }
    }
    Err(CrdError::Missing)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn component(section: &str, content: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(content).unwrap();
        let packed = packed.finish().unwrap();
        let text: String = packed.iter().map(|byte| format!("\\{byte:02x}")).collect();
        wat::parse_str(format!("(component (@custom \"{section}\" \"{text}\"))")).unwrap()
    }

    #[test]
    fn all_crds_are_found() {
        let found = crds(&component(CRD_SECTION, b"{\"kind\": \"A\"}\n{\"kind\": \"B\"}")).unwrap();
        assert_eq!(
            (found[0]["kind"].as_str(), found[1]["kind"].as_str()),
            (Some("A"), Some("B"))
        );
    }

    #[rstest::rstest]
    #[case::none(component("other", b"{}"), "has no custom section `wasser:crd`")]
    #[case::not_json(
        component(CRD_SECTION, b"kind: Yaml"),
        "is not gzipped JSON of at most 4194304 bytes: expected value"
    )]
    #[case::empty(component(CRD_SECTION, b""), "it is empty")]
    #[case::bomb(component(CRD_SECTION, &vec![b' '; 5 << 20]), "it is larger")]
    #[case::module(b"\0asm\x01\0\0\0".to_vec(), "core WebAssembly module, not a component")]
    #[case::not_wasm(b"hello".to_vec(), "this is not a WebAssembly binary")]
    fn a_file_without_crds_is_refused(#[case] component: Vec<u8>, #[case] message: &str) {
        let refused = crds(&component).unwrap_err().to_string();
        assert!(refused.contains(message), "{refused}");
    }
}
