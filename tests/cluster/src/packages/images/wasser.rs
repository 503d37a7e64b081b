//! The image of Wasser itself: its programs, the libraries that they are linked with, certificates,
//! and the built-in plugins.
//!
//! Dynamically linked, with this machine's C library: a static one cannot look up names without its
//! configuration and modules, and the allocator of others is slow. There is no shell and no package
//! manager in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::image::Image;
use super::programs::{libraries, with_libraries};
use crate::machine::debian::{self, Need};
use crate::machine::{self, paths};
use crate::packages::guests::Package;

/// The name without a tag.
pub const WASSER: &str = "wasser.fluid.io/wasser";

/// Where the built-in plugins are; the operator finds them by the environment.
const PLUGINS: &str = "/usr/share/wasser/plugins";
/// Where Helm's engine and the plugins are, compiled for most processors of this machine's architecture;
/// on others, the operator compiles them.
const COMPILED: &str = "/usr/share/wasser/compiled";
/// Certificates of public authorities, for sources outside of the cluster.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Nobody in particular, and not root.
const USER: &str = "65532:65532";

/// Returns the image of `program`, of `wasser-serve`, which cargo puts beside it, and of the plugins,
/// with this tag. The programs' symbols for debuggers are left out.
pub fn wasser(program: &Path, plugins: &[Package], tag: &str) -> Result<Image> {
    debian::require(Need::Wasser)?;
    let stripped = strip(program)?;
    let serving = strip(&program.with_file_name("wasser-serve"))?;
    let mut image = Image::new(&format!("{WASSER}:{tag}"))
        .file("/usr/bin/wasser", &stripped, 0o755)
        .file("/usr/bin/wasser-serve", &serving, 0o755)
        .file(CERTIFICATES, CERTIFICATES, 0o644)
        .text(
            "/etc/passwd",
            "root:x:0:0:root:/root:/sbin/nologin\nwasser:x:65532:65532:wasser:/:/sbin/nologin\n",
        )
        .text("/etc/group", "root:x:0:\nwasser:x:65532:\n")
        .text("/etc/nsswitch.conf", "hosts: files dns\n")
        .directory("/tmp", 0o1777)
        .env("WASSER_PLUGIN_DIR", PLUGINS)
        .env("WASSER_COMPILED_DIR", COMPILED)
        .user(USER)
        .entrypoint(&["/usr/bin/wasser"])
        .command(&["run"]);
    let mut linked = libraries(&stripped)?;
    linked.extend(libraries(&serving)?);
    image = with_libraries(image, &linked);
    for file in compiled(program, plugins)? {
        let name = file.file_name().unwrap_or_default().display().to_string();
        image = image.file(&format!("{COMPILED}/{name}"), &file, 0o644);
    }
    for plugin in plugins {
        image = image
            .file(&format!("{PLUGINS}/{}.wasm", plugin.name), &plugin.component, 0o644)
            .file(&format!("{PLUGINS}/{}.tgz", plugin.name), &plugin.chart, 0o644);
    }
    Ok(image)
}

/// Returns a program without debugging symbols. It is kept as long as the program is the same.
fn strip(program: &Path) -> Result<PathBuf> {
    let directory = paths::target().join("image");
    fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
    let name = program.file_name().unwrap_or_default().display();
    let name = format!("{name}-{}", profile(program));
    let stripped = directory.join(&name);
    let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified());
    let built = changed(program).with_context(|| format!("reading {}", program.display()))?;
    if changed(&stripped).is_ok_and(|made| made > built) {
        return Ok(stripped);
    }
    let unfinished = directory.join(format!("{name}.{}", std::process::id()));
    let mut strip = Command::new("strip");
    machine::run(strip.arg("-o").arg(&unfinished).arg(program)).context("leaving out what only debuggers read")?;
    fs::rename(&unfinished, &stripped).with_context(|| format!("writing {}", stripped.display()))?;
    Ok(stripped)
}

/// Returns the files with Helm's engine and the plugins as this program compiles them. What an earlier
/// call has compiled stays as long as it is the same.
fn compiled(program: &Path, plugins: &[Package]) -> Result<Vec<PathBuf>> {
    let directory = paths::target()
        .join("image")
        .join(format!("compiled-{}", profile(program)));
    let mut precompile = Command::new(program);
    precompile.args(["precompile", "--shipped"]).arg(&directory);
    precompile.args(plugins.iter().map(|plugin| &plugin.component));
    machine::run(&mut precompile).context("compiling Helm's engine and the plugins for the image")?;
    let reading = || format!("reading {}", directory.display());
    let entries = fs::read_dir(&directory).with_context(reading)?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .with_context(reading)?;
    files.retain(|path| path.extension().is_some_and(|end| end == "cwasm"));
    files.sort();
    Ok(files)
}

/// Returns `debug` or `release`: the directory that cargo has built the program into.
fn profile(program: &Path) -> String {
    let directory = program.parent().and_then(Path::file_name).unwrap_or_default();
    directory.to_string_lossy().into_owned()
}
