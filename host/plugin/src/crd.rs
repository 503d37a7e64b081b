//! The CRD that a plugin package carries.

use std::io::Read;

use flate2::read::GzDecoder;
use wasmparser::{Parser, Payload};

/// The custom section of a component that holds its CRD, as gzipped JSON.
pub const CRD_SECTION: &str = "wasser:crd";
/// The largest CRD, in bytes of JSON; an API server takes 1.5 MiB.
const MAX_CRD: u64 = 4 << 20;

/// Why a package has no CRD to show.
#[derive(Debug, thiserror::Error)]
pub enum CrdError {
    /// There is no such section.
    #[error("the component has no custom section `{CRD_SECTION}`; a package made by `cargo xtask guests` has one")]
    Missing,
    /// Not WebAssembly.
    #[error("this is not a WebAssembly binary: {0}")]
    NotWasm(String),
    /// The section does not hold gzipped JSON of a sensible size.
    #[error("the custom section `{CRD_SECTION}` is not gzipped JSON of at most {MAX_CRD} bytes: {0}")]
    Invalid(String),
}

/// The CRD in a component, as JSON. Nothing of the component is compiled or run.
pub fn crd(component: &[u8]) -> Result<serde_json::Value, CrdError> {
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(|error| CrdError::NotWasm(error.to_string()))?;
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
            return serde_json::from_slice(&json).map_err(|error| CrdError::Invalid(error.to_string()));
        }
    }
    Err(CrdError::Missing)
}
