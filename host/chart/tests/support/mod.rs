//! The corpus, chart directories as archives, and one engine for all tests of a program.
#![allow(dead_code, reason = "each test program uses a part")]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use wasser_chart::{Chart, ReleaseMeta, RenderError, Rendered, Renderer};

/// Where the compiled engine is kept between runs.
pub fn cache_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("helm-engine")
}

/// Helm's engine.
pub fn renderer() -> &'static Renderer {
    static RENDERER: OnceLock<Renderer> = OnceLock::new();
    RENDERER.get_or_init(|| Renderer::open(&cache_dir()).unwrap())
}

/// The release of all tests.
pub fn meta() -> ReleaseMeta {
    ReleaseMeta {
        name: "demo".to_owned(),
        namespace: "ns".to_owned(),
        revision: 1,
        is_upgrade: false,
    }
}

/// Renders a chart that consists of these files, which `Chart.yaml` is added to.
pub async fn render(renderer: &Renderer, files: &[(&str, &str)], values: &Value) -> Result<Rendered, RenderError> {
    renderer.render(&chart(files), &meta(), values).await
}

/// A chart named `demo` that consists of these files.
pub fn chart(files: &[(&str, &str)]) -> Arc<Chart> {
    let own = ("Chart.yaml", "apiVersion: v2\nname: demo\nversion: 0.1.0\n");
    let files = std::iter::once(&own)
        .chain(files)
        .map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec()));
    archive("demo", files)
}

/// A chart directory as `helm package` would pack it: without what `.helmignore` names.
pub fn pack(directory: &Path) -> Arc<Chart> {
    let ignored = Ignored::read(directory);
    let mut files = Vec::new();
    collect(directory, directory, &ignored, &mut files);
    files.sort();
    archive(
        "packed",
        files
            .into_iter()
            .map(|path| (path.clone(), fs::read(directory.join(path)).unwrap())),
    )
}

fn archive(name: &str, files: impl Iterator<Item = (PathBuf, Vec<u8>)>) -> Arc<Chart> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        builder
            .append_data(&mut header, Path::new(name).join(path), content.as_slice())
            .unwrap();
    }
    Chart::from_tgz(builder.into_inner().unwrap().finish().unwrap().into()).unwrap()
}

fn collect(root: &Path, directory: &Path, ignored: &Ignored, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let relative = path.strip_prefix(root).unwrap();
        if ignored.matches(relative, path.is_dir()) {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, ignored, files);
        } else {
            files.push(relative.to_owned());
        }
    }
}

/// As much of `.helmignore` as the corpus needs: names, paths from the root, directories and `*` at
/// the start of a name.
struct Ignored(Vec<String>);

impl Ignored {
    fn read(directory: &Path) -> Self {
        let text = fs::read_to_string(directory.join(".helmignore")).unwrap_or_default();
        Self(
            text.lines()
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .map(str::to_owned)
                .collect(),
        )
    }

    fn matches(&self, path: &Path, is_dir: bool) -> bool {
        let (path, name) = (path.to_str().unwrap(), path.file_name().unwrap().to_str().unwrap());
        self.0
            .iter()
            .any(|rule| match (rule.strip_suffix('/'), rule.strip_prefix('*')) {
                (Some(directory), _) => is_dir && directory == name,
                (_, Some(suffix)) => name.ends_with(suffix),
                _ if rule.contains('/') => rule.trim_start_matches('/') == path,
                _ => rule == name,
            })
    }
}

/// One file of values for one chart, and what comes of it.
pub struct Case {
    /// `chart/case`.
    pub name: String,
    /// The chart's directory.
    pub chart: PathBuf,
    /// The file of values.
    pub values: PathBuf,
    /// The file with what `helm template` prints.
    pub output: PathBuf,
    /// The file with its error, if it fails.
    pub error: PathBuf,
}

impl Case {
    /// All of the corpus, sorted.
    pub fn all() -> Vec<Self> {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
        let mut cases = Vec::new();
        for directory in sorted(&corpus) {
            for values in sorted(&directory.join("cases")) {
                let case = values.file_stem().unwrap().to_str().unwrap();
                let expected = directory.join("expected");
                cases.push(Self {
                    name: format!("{}/{case}", directory.file_name().unwrap().to_str().unwrap()),
                    chart: directory.join("chart"),
                    output: expected.join(format!("{case}.yaml")),
                    error: expected.join(format!("{case}.error")),
                    values,
                });
            }
        }
        cases
    }

    /// What is expected: the output, or the error.
    pub fn expected(&self) -> Result<String, String> {
        match fs::read_to_string(&self.output) {
            Ok(output) => Ok(output),
            Err(_) => Err(fs::read_to_string(&self.error)
                .unwrap_or_else(|_| format!("no expectation of {}", self.name))
                .trim_end()
                .to_owned()),
        }
    }
}

/// What the renderer makes of a chart with a file of values: what `helm template` would print, or
/// its error.
pub async fn rendered(chart: &Chart, values: Option<&Path>) -> Result<String, String> {
    let values: Value = values.map_or(Value::Null, |path| {
        yaml_serde::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    });
    match renderer().render(chart, &meta(), &values).await {
        Ok(rendered) => Ok(rendered.template()),
        Err(RenderError::Template(error)) => Err(error.message.trim_end().to_owned()),
        Err(error) => Err(format!("{error:?}")),
    }
}

/// What the real `helm template` prints, or its error without what the command adds to it.
pub fn template(helm: &OsString, chart: &Path, values: Option<&Path>) -> Result<String, String> {
    let mut command = Command::new(helm);
    // No configuration of the user's, no cluster.
    command
        .env_clear()
        .env("HOME", "/nonexistent")
        // As the renderer has it by default; a helm that was built without flags takes v1.20 for
        // granted.
        .args(["template", "demo", "--namespace", "ns", "--kube-version", "v1.33.0"])
        .arg(chart);
    if let Some(values) = values {
        command.arg("--values").arg(values);
    }
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{helm:?} cannot be run: {error}"));
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout).unwrap());
    }
    let text = String::from_utf8(output.stderr).unwrap();
    let start = if text.starts_with("Error: ") {
        0
    } else {
        text.find("\nError: ")
            .map(|start| start + 1)
            .unwrap_or_else(|| panic!("{text}"))
    };
    let message = text[start..].trim_start_matches("Error: ").trim_end();
    Err(message
        .trim_end_matches("Use --debug flag to render out invalid YAML")
        .trim_end()
        .to_owned())
}

/// What is in a directory.
pub fn sorted(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

/// The differences between two outcomes, by lines; nothing if they are equal.
pub fn difference(name: &str, expected: &Result<String, String>, actual: &Result<String, String>) -> Option<String> {
    let (expected, actual) = (lines(expected), lines(actual));
    if expected == actual {
        return None;
    }
    let first = expected
        .iter()
        .zip(&actual)
        .position(|(a, b)| a != b)
        .unwrap_or(expected.len().min(actual.len()));
    let around =
        |lines: &[String]| lines[first.saturating_sub(2).min(lines.len())..(first + 4).min(lines.len())].join("\n    ");
    Some(format!(
        "{name}, line {first}:\n  expected\n    {}\n  but was\n    {}\n",
        around(&expected),
        around(&actual)
    ))
}

fn lines(outcome: &Result<String, String>) -> Vec<String> {
    let (head, text) = match outcome {
        Ok(text) => ("output", text),
        Err(text) => ("error", text),
    };
    let mut lines: Vec<_> = std::iter::once(head)
        .chain(text.split('\n'))
        .map(|line| format!("{line:?}"))
        .collect();
    // Helm writes what is wrong with values in any order.
    if text.starts_with("values don't meet the specifications") {
        lines.sort();
    }
    lines
}
