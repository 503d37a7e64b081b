//! Helm's records: JSON, gzipped, in base64. As `helm.sh/release.v1` has them.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Status;
use super::bounds;
use crate::render::Hook;

/// Bytes that a record may unpack to. Objects are at most a mebibyte and their text does not
/// compress a hundredfold.
const MAX_UNPACKED: u64 = 64 << 20;
/// Bytes that a record may unpack to that somebody else has written. Charts as large as objects
/// allow them compress tenfold, and those of Fluid have a hundredth of it.
const MAX_UNPACKED_OF_OTHERS: u64 = 4 << 20;
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];

/// Who has written a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// This installation: the text is signed with its key.
    Own,
    /// Anybody who may write such objects.
    Other,
}

/// When and how a revision came about.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// RFC 3339, as all times here; empty for never.
    pub first_deployed: String,
    /// When this revision was made.
    pub last_deployed: String,
    /// When the release was uninstalled.
    pub deleted: String,
    /// For people.
    pub description: String,
    /// One of Helm's words.
    pub status: Status,
    /// What `NOTES.txt` became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// A revision as it is written.
#[derive(Debug, Serialize)]
pub struct Written<'a> {
    /// Name of the release.
    pub name: &'a str,
    /// When and how.
    pub info: Info,
    /// The chart.
    pub chart: &'a Value,
    /// The values given.
    pub config: &'a Value,
    /// Everything but the hooks.
    pub manifest: &'a str,
    /// The hooks.
    pub hooks: &'a [Hook],
    /// The revision.
    pub version: u32,
    /// Namespace of the release.
    pub namespace: &'a str,
    /// The plugin whose values they are. Helm knows no such field, and leaves it out of what it writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<&'a Installer>,
}

/// A plugin of which a release has its values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Installer {
    /// The name of the plugin.
    pub name: String,
    /// Its version, of any form.
    pub version: String,
    /// What tells its build from others of the same version. Empty if nobody has noted it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub build: String,
}

impl Installer {
    /// Whether this is the same version of the same plugin, in whatever build.
    pub fn is_same_version(&self, other: &Self) -> bool {
        (&self.name, &self.version) == (&other.name, &other.version)
    }
}

/// A revision as it is read: without the chart's files, which may be large.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Stored {
    /// When and how.
    pub info: Info,
    /// The chart.
    pub chart: ChartHead,
    /// The values given.
    pub config: Option<Value>,
    /// Everything but the hooks.
    pub manifest: String,
    /// The hooks.
    pub hooks: Option<Vec<Hook>>,
    /// The plugin whose values they are.
    pub plugin: Option<Installer>,
}

/// What is read of a chart.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ChartHead {
    /// The part that `Chart.yaml` has.
    pub metadata: ChartMetadata,
}

/// What is read of a chart's metadata.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ChartMetadata {
    /// The chart's name.
    pub name: String,
    /// The chart's version.
    pub version: String,
}

/// Why a record cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum Unwritable {
    /// It could never be read again.
    #[error("it has {size} bytes before compression, and {limit} are allowed")]
    TooLarge {
        /// What it has.
        size: usize,
        /// What it may have.
        limit: usize,
    },
    /// It is no JSON.
    #[error("{0}")]
    Json(#[from] std::io::Error),
}

/// The text that goes into an object's `data.release`.
///
/// # Errors
/// If it would be too large to be read again.
pub fn encode(record: &impl Serialize) -> Result<String, Unwritable> {
    let json = serde_json::to_vec(record).map_err(std::io::Error::from)?;
    let (size, limit) = (json.len(), usize::try_from(MAX_UNPACKED).unwrap_or(usize::MAX));
    if size > limit {
        return Err(Unwritable::TooLarge { size, limit });
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&json)?;
    Ok(BASE64.encode(gzip.finish()?))
}

/// Reads what [`encode`] or Helm wrote. Releases of Helm's early days are not compressed.
///
/// # Errors
/// What is wrong with the text.
pub fn decode<T: for<'de> Deserialize<'de>>(text: &[u8], author: Author) -> Result<T, String> {
    let bytes = BASE64.decode(text).map_err(|error| format!("not base64: {error}"))?;
    let limit = match author {
        Author::Own => MAX_UNPACKED,
        Author::Other => MAX_UNPACKED_OF_OTHERS,
    };
    let json = if bytes.starts_with(&GZIP) {
        unpack(&bytes, limit)?
    } else {
        bytes
    };
    let invalid = |error: String| format!("not the JSON of a release: {error}");
    if author == Author::Other {
        bounds::check_json(&json).map_err(invalid)?;
    }
    serde_json::from_slice(&json).map_err(|error| invalid(error.to_string()))
}

/// The same record with another status. Everything else stays, also what this version does not
/// know.
///
/// # Errors
/// What is wrong with the text.
pub fn restate(text: &[u8], author: Author, status: Status) -> Result<String, String> {
    let mut record: Value = decode(text, author)?;
    let info = record
        .get_mut("info")
        .and_then(Value::as_object_mut)
        .ok_or("it has no info")?;
    info.insert("status".to_owned(), Value::from(status.as_str()));
    encode(&record).map_err(|error| error.to_string())
}

fn unpack(bytes: &[u8], limit: u64) -> Result<Vec<u8>, String> {
    let mut json = Vec::new();
    GzDecoder::new(bytes)
        .take(limit + 1)
        .read_to_end(&mut json)
        .map_err(|error| format!("not gzip: {error}"))?;
    if json.len() as u64 > limit {
        Err(format!("it unpacks to more than {limit} bytes"))
    } else {
        Ok(json)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_record_may_not_unpack_to_more_than_the_limit() {
        let packed = BASE64.decode(encode(&"x".repeat(98)).unwrap()).unwrap();
        assert_eq!(unpack(&packed, 100).unwrap().len(), 100);
        assert_eq!(unpack(&packed, 99).unwrap_err(), "it unpacks to more than 99 bytes");
    }

    /// A record as Helm writes it, before it is packed.
    fn plain() -> Vec<u8> {
        let record: serde_json::Value = decode(
            include_str!("../../tests/fixtures/helm-record.txt").trim().as_bytes(),
            Author::Other,
        )
        .unwrap();
        serde_json::to_vec(&record).unwrap()
    }

    fn packed(json: &[u8]) -> String {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(json).unwrap();
        BASE64.encode(gzip.finish().unwrap())
    }

    /// Reads a record, which is refused, or can be given another status.
    fn read(text: &[u8]) {
        for author in [Author::Own, Author::Other] {
            if decode::<serde_json::Value>(text, author).is_ok() {
                let _stored = decode::<Stored>(text, author);
                let again = restate(text, author, Status::Superseded);
                assert!(again.is_err() || decode::<serde_json::Value>(again.unwrap().as_bytes(), author).is_ok());
            }
        }
    }

    #[test]
    fn a_record_that_is_nearly_right_is_refused_or_read() {
        let compressed = BASE64.decode(packed(&plain())).unwrap();
        let between = wasser_test_mutations::bytes(&compressed).prop_map(|gzip| BASE64.encode(gzip).into_bytes());
        let outside = wasser_test_mutations::bytes(packed(&plain()).as_bytes());
        let inputs = prop_oneof![wasser_test_mutations::bytes(&plain()), between, outside];
        let seeds = [plain(), packed(&plain()).into_bytes()];
        wasser_test_mutations::check(3000, inputs, seeds, |bytes| {
            read(bytes);
            read(packed(bytes).as_bytes());
        });
    }
}
