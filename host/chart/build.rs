//! Compiles Helm's engine to WebAssembly with the Go toolchain and packs it for embedding.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

const SOURCE: &str = "helm-engine";
/// What the released `helm` of the version in go.mod is linked with: templates see it as
/// `.Capabilities`.
const LINK: &str = "-s -w \
    -X helm.sh/helm/v3/internal/version.version=v3.18.6 \
    -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 \
    -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=33";

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("\nHelm's engine was not built: {message}\n");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?);
    println!("cargo:rerun-if-changed={SOURCE}");
    println!("cargo:rerun-if-env-changed=GO");
    let module = out.join("helm-engine.wasm");
    compile(&module)?;
    let bytes = fs::read(&module).map_err(|error| format!("reading {}: {error}", module.display()))?;
    pack(&bytes, &out.join("helm-engine.wasm.gz")).map_err(|error| format!("packing {}: {error}", module.display()))?;
    let digest: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    println!("cargo:rustc-env=HELM_ENGINE_DIGEST={digest}");
    Ok(())
}

fn compile(module: &Path) -> Result<(), String> {
    let go = std::env::var_os("GO").unwrap_or_else(|| "go".into());
    let status = Command::new(&go)
        .args([
            "build",
            "-buildmode=c-shared",
            "-trimpath",
            "-buildvcs=false",
            "-ldflags",
            LINK,
            "-o",
        ])
        .arg(module)
        .arg(".")
        .current_dir(SOURCE)
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm")
        .env("GOWASM", "satconv,signext")
        .env("GOWORK", "off")
        .env("CGO_ENABLED", "0")
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!(
            "`go build` in {SOURCE} ended with {status}; its output is above. Go 1.24 or newer is needed"
        )),
        Err(error) => Err(format!(
            "`{}` cannot be run ({error}). Install Go 1.24 or newer (https://go.dev/dl), or set GO to its path",
            go.to_string_lossy()
        )),
    }
}

fn pack(bytes: &[u8], to: &Path) -> std::io::Result<()> {
    let mut encoder = GzEncoder::new(fs::File::create(to)?, Compression::new(6));
    encoder.write_all(bytes)?;
    encoder.finish()?;
    Ok(())
}
