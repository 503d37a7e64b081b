//! A packaged chart.

use std::io::{BufReader, Read};
use std::path::{Component, Path};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::ChartError;
use crate::hex::hex;

/// Bytes that an archive may unpack to, as in Helm.
const MAX_UNPACKED: u64 = 100 << 20;
/// Bytes of one file, as in Helm.
const MAX_FILE: u64 = 5 << 20;
/// How templates call what they can ask of the cluster.
const CAPABILITIES: &[u8] = b"Capabilities";

/// A chart as `helm package` makes it, checked for its outer form only; Helm's engine reads the
/// rest.
#[derive(Debug, Clone)]
pub struct Chart {
    name: String,
    version: String,
    digest: String,
    asks_capabilities: bool,
    archive: Bytes,
}

/// What an archive is read for.
struct Outline {
    metadata: Metadata,
    asks_capabilities: bool,
}

/// What is read of `Chart.yaml`.
#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

impl Chart {
    /// Reads a gzipped tar archive with one directory that contains `Chart.yaml`.
    ///
    /// # Errors
    /// If it is not such an archive, or its `Chart.yaml` names no chart or no version.
    pub fn from_tgz(archive: Bytes) -> Result<Arc<Self>, ChartError> {
        let Outline {
            metadata,
            asks_capabilities,
        } = outline(&archive).map_err(|message| ChartError { message })?;
        let digest = hex(&Sha256::digest(&archive));
        Ok(Arc::new(Self {
            name: metadata.name,
            version: metadata.version,
            digest,
            asks_capabilities,
            archive,
        }))
    }

    /// Packs a chart of these files: path in the chart, and text.
    ///
    /// # Errors
    /// As [`Chart::from_tgz`].
    pub fn from_files(files: &[(&str, &str)]) -> Result<Arc<Self>, ChartError> {
        let pack = || -> std::io::Result<Vec<u8>> {
            let encoder = GzEncoder::new(Vec::new(), Compression::fast());
            let mut archive = tar::Builder::new(encoder);
            for (path, text) in files {
                let mut header = tar::Header::new_gnu();
                header.set_size(text.len() as u64);
                header.set_mode(0o644);
                archive.append_data(&mut header, Path::new("chart").join(path), text.as_bytes())?;
            }
            archive.into_inner()?.finish()
        };
        let archive = pack().map_err(|error| ChartError {
            message: error.to_string(),
        })?;
        Self::from_tgz(archive.into())
    }

    /// `name` of `Chart.yaml`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `version` of `Chart.yaml`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Sha256 of the archive, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether a file of it, or of a chart in it, names `.Capabilities`.
    pub(crate) fn asks_capabilities(&self) -> bool {
        self.asks_capabilities
    }

    /// The archive itself.
    pub fn archive(&self) -> &Bytes {
        &self.archive
    }
}

/// Reads `Chart.yaml` and what templates ask, and refuses what would have no effect. Only as much as
/// one file may have is ever in memory.
fn outline(archive: &[u8]) -> Result<Outline, String> {
    let unpacked = BufReader::new(MultiGzDecoder::new(archive).take(MAX_UNPACKED));
    let mut files = tar::Archive::new(unpacked);
    let no_archive =
        |error: std::io::Error| format!("it is not a gzipped tar archive, or is too large when unpacked: {error}");
    let (mut found, mut asks_capabilities) = (None, false);
    for file in files.entries().map_err(no_archive)? {
        let file = file.map_err(no_archive)?;
        let path = file.path().map_err(no_archive)?.into_owned();
        match place(&path).as_slice() {
            // Deeper ones are those of subcharts.
            ["Chart.yaml"] if found.is_none() => {
                if file.size() > MAX_FILE {
                    return Err(format!(
                        "Chart.yaml has {} bytes, and {MAX_FILE} are allowed",
                        file.size()
                    ));
                }
                let mut text = Vec::new();
                file.take(MAX_FILE).read_to_end(&mut text).map_err(no_archive)?;
                found = Some(read_metadata(&text)?);
            }
            place if is_definition(place) => {
                return Err(format!(
                    "it has {}, and Wasser installs no definitions of a chart: a plugin's chart may only change what \
                     belongs to one runtime. Install those of the cache system on their own, and put the runtime's own \
                     into the component, from where `wasser plugin crd` prints it",
                    path.display()
                ));
            }
            // Text of any file may be a template, by `tpl`.
            _ if !asks_capabilities => {
                let mut text = Vec::new();
                file.take(MAX_FILE).read_to_end(&mut text).map_err(no_archive)?;
                asks_capabilities = text.windows(CAPABILITIES.len()).any(|part| part == CAPABILITIES);
            }
            _ => {}
        }
    }
    let metadata = found.ok_or("the archive has no directory with a Chart.yaml")?;
    Ok(Outline {
        metadata,
        asks_capabilities,
    })
}

fn read_metadata(text: &[u8]) -> Result<Metadata, String> {
    let metadata: Metadata = yaml_serde::from_slice(text).map_err(|error| format!("Chart.yaml: {error}"))?;
    match (metadata.name.as_str(), metadata.version.as_str()) {
        ("", _) => Err("Chart.yaml has no `name`".to_owned()),
        (_, "") => Err("Chart.yaml has no `version`".to_owned()),
        _ => Ok(metadata),
    }
}

/// Where a file is in the one directory of an archive. Nowhere if it is outside of it.
fn place(path: &Path) -> Vec<&str> {
    let mut parts = path.components().filter(|part| !matches!(part, Component::CurDir));
    let Some(Component::Normal(_)) = parts.next() else {
        return Vec::new();
    };
    let name = |part| match part {
        Component::Normal(name) => name.to_str(),
        _ => None,
    };
    parts.map(name).collect::<Option<_>>().unwrap_or_default()
}

/// A file of `crds/`, of the chart or of a chart in it.
fn is_definition(mut place: &[&str]) -> bool {
    while let ["charts", _, inner @ ..] = place {
        place = inner;
    }
    matches!(place, ["crds", _, ..])
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap().into()
    }

    fn archive(files: &[(&str, &[u8])]) -> Bytes {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, *content).unwrap();
        }
        gzip(&builder.into_inner().unwrap())
    }

    fn refused(archive: Bytes) -> String {
        Chart::from_tgz(archive).unwrap_err().to_string()
    }

    #[test]
    fn a_chart_asks_for_capabilities_wherever_it_names_them() {
        let yaml: (&str, &[u8]) = ("demo/Chart.yaml", b"name: demo\nversion: 1.0.0\n");
        let asks = |path: &str, text: &[u8]| {
            let bytes = archive(&[yaml, (path, text)]);
            Chart::from_tgz(bytes).unwrap().asks_capabilities()
        };
        let template = b"{{ if .Capabilities.APIVersions.Has \"a/v1\" }}";
        assert!(asks("demo/templates/a.yaml", template));
        assert!(asks("demo/charts/sub/templates/a.yaml", template));
        assert!(!asks("demo/templates/a.yaml", b"a: {{ .Values.a }}"));
    }

    #[test]
    fn name_and_version_are_those_of_the_chart_not_of_its_subcharts() {
        let bytes = archive(&[
            ("demo/charts/sub/Chart.yaml", b"name: sub\nversion: 9.9.9\n"),
            ("demo/Chart.yaml", b"apiVersion: v2\nname: demo\nversion: 1.2.3\n"),
        ]);
        let chart = Chart::from_tgz(bytes.clone()).unwrap();
        assert_eq!((chart.name(), chart.version()), ("demo", "1.2.3"));
        assert_eq!(chart.digest().len(), 64);
        assert_eq!(chart.archive(), &bytes);
    }

    #[test]
    fn a_chart_of_files_is_one_archive() {
        let files = [
            ("Chart.yaml", "name: demo\nversion: 1.2.3\n"),
            ("templates/a.yaml", "a: b"),
        ];
        let chart = Chart::from_files(&files).unwrap();
        assert_eq!((chart.name(), chart.version()), ("demo", "1.2.3"));
        assert_eq!(chart.digest(), Chart::from_files(&files).unwrap().digest());
        assert!(Chart::from_files(&files[1..]).is_err());
    }

    #[test]
    fn what_is_no_chart_is_refused_with_a_reason() {
        assert!(refused(Bytes::from_static(b"no archive")).contains("not a gzipped tar archive"));
        assert!(refused(archive(&[("demo/values.yaml", b"a: 1")])).contains("no directory with a Chart.yaml"));
        assert!(
            refused(archive(&[("Chart.yaml", b"name: demo\nversion: 1.0.0")]))
                .contains("no directory with a Chart.yaml")
        );
        assert!(refused(archive(&[("demo/Chart.yaml", b"version: 1.0.0")])).contains("no `name`"));
        assert!(refused(archive(&[("demo/Chart.yaml", b"name: demo")])).contains("no `version`"));
        assert!(refused(archive(&[("demo/Chart.yaml", b"name: [")])).contains("Chart.yaml: "));
    }

    #[test]
    fn definitions_that_would_not_be_installed_are_refused_by_name() {
        let yaml = ("demo/Chart.yaml", b"name: demo\nversion: 1.2.3\n".as_slice());
        for path in [
            "demo/crds/a.yaml",
            "demo/charts/sub/crds/a.yaml",
            "./demo/crds/of/a.yaml",
        ] {
            let refused = refused(archive(&[yaml, (path, b"a: b")]));
            assert!(refused.contains(path.trim_start_matches("./")), "{refused}");
        }
        for path in ["demo/templates/crds/a.yaml", "demo/files/charts/x/crds/a.yaml"] {
            Chart::from_tgz(archive(&[yaml, (path, b"a: b")])).unwrap();
        }
    }

    #[test]
    fn archives_that_unpack_to_gibibytes_are_not_unpacked() {
        let large = vec![b' '; 6 << 20];
        assert!(refused(archive(&[("demo/Chart.yaml", &large)])).contains("5242880 are allowed"));
        let mut header = tar::Header::new_gnu();
        header.set_path("demo/large").unwrap();
        header.set_size(10 << 30);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.resize(110 << 20, 0);
        assert!(refused(gzip(&bytes)).contains("too large when unpacked"));
    }
}
