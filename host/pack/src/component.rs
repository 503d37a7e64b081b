//! From a core module to a component that carries its CRDs.

use std::io::Write;

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use wit_component::ComponentEncoder;

/// Where a component carries its CRDs, as gzipped JSON, one per line. `wasser plugin crd` reads it.
const CRD_SECTION: &str = "wasser:crd";

/// Makes a component of a module, with the CRDs in a custom section.
pub fn encode(module: &[u8], crds: &[u8]) -> Result<Vec<u8>> {
    let mut component = ComponentEncoder::default()
        .module(module)
        .context("the module is not one of the world wasser:runtime")?
        .validate(true)
        .encode()
        .context("the module does not fit the world wasser:runtime")?;
    let mut packed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    packed.write_all(crds)?;
    append_section(&mut component, CRD_SECTION, &packed.finish()?)?;
    Ok(component)
}

/// Returns a custom section of the binary format: id 0, length, name, content. It can be appended
/// to every component.
fn append_section(component: &mut Vec<u8>, name: &str, content: &[u8]) -> Result<()> {
    let mut body = Vec::new();
    push_length(&mut body, name.len())?;
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(content);
    component.push(0);
    push_length(component, body.len())?;
    component.extend_from_slice(&body);
    Ok(())
}

/// Encodes a length in LEB128.
fn push_length(bytes: &mut Vec<u8>, length: usize) -> Result<()> {
    let mut rest = u32::try_from(length).context("a section of more than 4 GiB")?;
    while rest >= 0x80 {
        bytes.push(u8::try_from(rest & 0x7f)? | 0x80);
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_leb128() {
        let encoded = |length| {
            let mut bytes = Vec::new();
            push_length(&mut bytes, length).unwrap();
            bytes
        };
        assert_eq!(encoded(5), [5]);
        assert_eq!(encoded(127), [127]);
        assert_eq!(encoded(128), [0x80, 1]);
        assert_eq!(encoded(624_485), [0xe5, 0x8e, 0x26]);
    }
}
