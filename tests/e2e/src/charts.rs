//! Charts changed on the way, as an author who errs would.

use std::io::Read;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use sha2::{Digest, Sha256};

use crate::plugins::{plugin_yaml, replace_line};

/// The files of a chart, by path.
pub type Files = Vec<(String, Vec<u8>)>;

/// Changes the chart of a registration.
pub fn change(map: &mut ConfigMap, change: impl FnOnce(&mut Files)) {
    let chart = binary(map, "juicefs.tgz");
    let mut files = unpack(&chart.0);
    change(&mut files);
    chart.0 = pack(&files);
}

/// Replaces the component of a registration, and corrects the digest.
pub fn replace_component(map: &mut ConfigMap, component: Vec<u8>) {
    let digest: String = Sha256::digest(&component)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    replace_line(plugin_yaml(map), "digest:", &format!("digest: sha256:{digest}"));
    binary(map, "juicefs.wasm").0 = component;
}

fn binary<'a>(map: &'a mut ConfigMap, key: &str) -> &'a mut ByteString {
    map.binary_data
        .as_mut()
        .and_then(|data| data.get_mut(key))
        .unwrap_or_else(|| panic!("the registration has no {key}"))
}

fn unpack(bytes: &[u8]) -> Files {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    let entries = archive.entries().expect("a chart is an archive").map(|entry| {
        let mut entry = entry.expect("an entry of the chart");
        let path = entry.path().expect("a path in the chart").display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("a file of the chart");
        (path, content)
    });
    entries.collect()
}

fn pack(files: &Files) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        archive
            .append_data(&mut header, path, content.as_slice())
            .expect("adding to the chart");
    }
    archive
        .into_inner()
        .and_then(GzEncoder::finish)
        .expect("packing the chart")
}
