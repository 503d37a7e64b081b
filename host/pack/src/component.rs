//! From what a compiler has written to a component that carries its CRDs.

use std::io::Write;

use anyhow::{Context, Result, ensure};
use flate2::{Compression, GzBuilder};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

/// Where a component carries its CRDs, as gzipped JSON, one per line. `wasser plugin crd` reads it.
const CRD_SECTION: &str = "wasser:crd";

/// Where an encoder writes the names of a component's parts.
const NAMES_SECTION: &str = "component-name";

/// How a component begins; a core module has another version.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// Makes a component of a core module, or takes a component as it is, and puts the CRDs into a custom
/// section.
pub fn encode(code: &[u8], crds: &[u8]) -> Result<Vec<u8>> {
    let mut component = if code.starts_with(COMPONENT) {
        ensure!(
            !has_section(code, CRD_SECTION)?,
            "the component carries CRDs already; give the one that its compiler has written, not a packed one"
        );
        code.to_vec()
    } else {
        let encoded = ComponentEncoder::default()
            .module(code)
            .context("the module is not one of the world wasser:runtime")?
            .validate(true)
            .encode()
            .context("the module does not fit the world wasser:runtime")?;
        without_names(&encoded)?
    };
    let mut packed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    packed.write_all(crds)?;
    append_section(&mut component, CRD_SECTION, &packed.finish()?)?;
    Ok(component)
}

/// Returns a component without the names of its parts. They are for people who read binaries, and a
/// package has to fit a ConfigMap.
fn without_names(component: &[u8]) -> Result<Vec<u8>> {
    let mut kept = component.to_vec();
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::CustomSection(section) = payload.context("reading the component")?
            && section.name() == NAMES_SECTION
        {
            let (start, end) = (section.range().start, section.range().end);
            let (start, end) = (usize::try_from(start)?, usize::try_from(end)?);
            let mut length = Vec::new();
            push_length(&mut length, end.saturating_sub(start))?;
            // The id of the section and its length are before the content.
            kept.drain(start.saturating_sub(length.len() + 1)..end);
            break;
        }
    }
    Ok(kept)
}

/// Returns whether a component has a custom section of this name.
fn has_section(component: &[u8], name: &str) -> Result<bool> {
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::CustomSection(section) = payload.context("reading the component")?
            && section.name() == name
        {
            return Ok(true);
        }
    }
    Ok(false)
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
    fn a_component_is_packed_as_it_is_and_once() {
        let packed = encode(COMPONENT, b"{}\n").unwrap();
        assert!(packed.starts_with(COMPONENT) && packed.len() > COMPONENT.len());
        let again = encode(&packed, b"{}\n").unwrap_err().to_string();
        assert!(again.contains("carries CRDs already; give the one"), "{again}");
    }

    #[test]
    fn names_of_parts_are_left_out() {
        let mut component = COMPONENT.to_vec();
        append_section(&mut component, "producers", b"one").unwrap();
        let mut named = component.clone();
        append_section(&mut named, NAMES_SECTION, &[7; 300]).unwrap();
        append_section(&mut component, "last", b"x").unwrap();
        append_section(&mut named, "last", b"x").unwrap();
        assert_eq!(without_names(&named).unwrap(), component);
        assert_eq!(without_names(&component).unwrap(), component);
    }

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
