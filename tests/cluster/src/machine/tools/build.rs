//! Builds of Go programs, into the cache.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use crate::machine::debian::{self, Need};
use crate::machine::{self, paths};

/// Lines of a failed build that are shown.
const SHOWN: usize = 20;

/// How a tool is built.
pub struct Recipe {
    /// Its directory below `tests/cluster/programs/`, and the name of its file.
    pub name: &'static str,
    /// The package within the module.
    pub package: &'static str,
    /// Needs a C compiler, and is linked statically for use in images.
    pub cgo: bool,
    pub tags: &'static str,
    pub ldflags: &'static str,
    /// How long a first build takes on two cores, in minutes.
    pub minutes: u32,
    /// About how many packages are compiled then.
    pub packages: u64,
}

/// Returns the program from the cache, or builds it.
pub fn ensure(recipe: &Recipe) -> Result<PathBuf> {
    let module = paths::root().join("tests/cluster/programs").join(recipe.name);
    let directory = paths::cache()?
        .join("tools")
        .join(format!("{}-{}", recipe.name, key(recipe, &module)?));
    let program = directory.join(recipe.name);
    if program.is_file() {
        return Ok(program);
    }
    fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
    // Two commands at the same time build one after the other, and the second finds it done.
    let lock = File::create(directory.join("lock")).context("creating a lock file in the cache")?;
    flock(&lock, FlockOperation::LockExclusive).context("waiting for another build of the same tool")?;
    if program.is_file() {
        return Ok(program);
    }
    ensure!(
        machine::has_program("go"),
        "building {} needs Go 1.25 or newer, and there is no `go` in PATH: \
         install it (https://go.dev/dl), or set KUBECONFIG to a cluster of your own",
        recipe.name
    );
    if recipe.cgo {
        debian::require(Need::CompilerForC)?;
    }
    let unfinished = directory.join("unfinished");
    let built = go_build(recipe, &module, &unfinished);
    built.with_context(|| format!("building {} from {}", recipe.name, module.display()))?;
    fs::rename(&unfinished, &program).with_context(|| format!("moving {} into place", program.display()))?;
    Ok(program)
}

/// Returns a digest of everything in this project that determines the result of the build.
fn key(recipe: &Recipe, module: &Path) -> Result<String> {
    let mut digest = Sha256::new();
    let mut files: Vec<PathBuf> = fs::read_dir(module)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .with_context(|| format!("reading {}", module.display()))?;
    files.sort();
    for file in files {
        let content = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        digest.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        digest.update(u64::try_from(content.len())?.to_le_bytes());
        digest.update(&content);
    }
    for text in [recipe.package, recipe.tags, recipe.ldflags, std::env::consts::ARCH] {
        digest.update(text);
        digest.update([0]);
    }
    Ok(digest
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

fn go_build(recipe: &Recipe, module: &Path, output: &Path) -> Result<()> {
    let mut child = Command::new("go")
        .current_dir(module)
        .args(["build", "-v", "-mod=readonly", "-buildvcs=false"])
        .args([
            "-tags",
            recipe.tags,
            "-ldflags",
            &format!("-s -w {}", recipe.ldflags),
            "-o",
        ])
        .arg(output)
        .arg(recipe.package)
        .env("CGO_ENABLED", if recipe.cgo { "1" } else { "0" })
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting go")?;
    let bar = progress(recipe)?;
    let mut said = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines() {
            let line = line.context("reading what go says")?;
            // `go build -v` prints one line for each package that it compiles; cached ones are
            // silent.
            if line.starts_with("go: downloading ") || !line.contains([' ', ':']) {
                bar.inc(u64::from(!line.starts_with("go: ")));
                bar.set_message(line);
            } else {
                said.push(line);
            }
        }
    }
    let status = child.wait().context("waiting for go")?;
    bar.finish_and_clear();
    if !status.success() {
        bail!(
            "go build failed ({status}):\n{}",
            said.get(said.len().saturating_sub(SHOWN)..)
                .unwrap_or_default()
                .join("\n")
        );
    }
    Ok(())
}

fn progress(recipe: &Recipe) -> Result<ProgressBar> {
    eprintln!(
        "building {} (a first build takes about {} min on two cores; Ctrl-C is safe, the next run goes on)",
        recipe.name, recipe.minutes
    );
    let bar = ProgressBar::new(recipe.packages);
    bar.set_style(ProgressStyle::with_template(
        "{spinner} [{elapsed_precise}] {bar:30} {pos}/~{len} {wide_msg}",
    )?);
    bar.enable_steady_tick(Duration::from_millis(200));
    Ok(bar)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tools::Tool;

    #[test]
    fn the_key_depends_on_the_module_and_on_how_it_is_built() {
        let module = tempfile::tempdir().unwrap();
        fs::write(module.path().join("go.mod"), "module a").unwrap();
        let (helm, kwok) = (Tool::Helm.recipe(), Tool::Kwok.recipe());
        let first = key(&helm, module.path()).unwrap();
        assert_eq!(first, key(&helm, module.path()).unwrap());
        assert_ne!(first, key(&kwok, module.path()).unwrap());
        fs::write(module.path().join("go.mod"), "module b").unwrap();
        assert_ne!(first, key(&helm, module.path()).unwrap());
    }

    #[test]
    fn every_tool_has_a_module() {
        for tool in Tool::ALL {
            assert!(
                paths::root()
                    .join("tests/cluster/programs")
                    .join(tool.name())
                    .join("go.sum")
                    .is_file(),
                "{}",
                tool.name()
            );
        }
    }
}
