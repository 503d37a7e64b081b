//! The compiled engine and its place on disk.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use wasmtime::{Config, Engine, Module};
use wasser_shipped::Shipped;

use crate::error::RenderError;

/// Helm's engine, gzipped WebAssembly.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/helm-engine.wasm.gz"));
/// Sha256 of the unpacked module, in hex.
const DIGEST: &str = env!("HELM_ENGINE_DIGEST");

/// Bytes of stack for the module's code. Helm allows a thousand nested `include`s before it
/// complains, which take about ten mebibytes.
pub const WASM_STACK: usize = 24 << 20;

/// A wasmtime engine with the settings under which Helm's engine is compiled.
pub fn engine() -> Result<Engine, RenderError> {
    Engine::new(&config()).map_err(|error| failed("configuring wasmtime", &error))
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // No fiber is ever made, but wasmtime compares the two.
        .async_stack_size(WASM_STACK)
        .max_wasm_stack(WASM_STACK)
        .memory_init_cow(true)
        .generate_address_map(false)
        .native_unwind_info(false);
    config
}

/// The module from the cache, compiled first where it is not there.
pub fn load(engine: &Engine, cache_dir: &Path) -> Result<Module, RenderError> {
    prepare_directory(cache_dir)?;
    let path = wasser_shipped::path(cache_dir, &name(), engine);
    if let Some(module) = open(engine, &path) {
        return Ok(module);
    }
    // One process compiles, the others wait for it. The lock ends with the file handle.
    let lock = File::create(cache_dir.join("helm-engine.lock"))
        .map_err(|error| failed("creating a lock in the cache directory", &error))?;
    lock.lock()
        .map_err(|error| failed("locking the cache directory", &error))?;
    if let Some(module) = open(engine, &path) {
        return Ok(module);
    }
    compile(engine, &path)?;
    open(engine, &path).ok_or_else(|| RenderError::Engine {
        message: format!("{} was just compiled and cannot be loaded", path.display()),
    })
}

/// The module that came with the image, if there is one in `directory` for this processor.
pub fn shipped(engine: &Engine, directory: &Path) -> Option<Module> {
    open(engine, &Shipped::of(directory).find(&name())?)
}

/// Compiles the module for images, into `directory`, unless it is there. Returns its path.
pub fn ship(directory: &Path) -> Result<PathBuf, RenderError> {
    let mut config = config();
    let engine = wasser_shipped::for_most_processors(&mut config).and_then(|config| Engine::new(config));
    let engine = engine.map_err(|error| failed("configuring wasmtime", &error))?;
    let path = wasser_shipped::path(directory, &name(), &engine);
    if !path.is_file() {
        wasser_shipped::write(&path, &machine_code(&engine)?)
            .map_err(|error| failed(&format!("writing {}", path.display()), &error))?;
    }
    Ok(path)
}

/// The name of the compiled module. That of its file changes with wasmtime's version, its settings and the
/// processor's features as well.
fn name() -> String {
    format!("helm-engine-{}", DIGEST.get(..16).unwrap_or(DIGEST))
}

fn compile(engine: &Engine, path: &Path) -> Result<(), RenderError> {
    tracing::info!(path = %path.display(), "compiling Helm's engine");
    let compiled = machine_code(engine)?;
    let unfinished = path.with_extension(format!("{}.unfinished", std::process::id()));
    write(&unfinished, &compiled)
        .and_then(|()| fs::rename(&unfinished, path))
        .map_err(|error| failed(&format!("writing {}", path.display()), &error))
}

fn machine_code(engine: &Engine) -> Result<Vec<u8>, RenderError> {
    let mut module = Vec::new();
    GzDecoder::new(PACKED)
        .read_to_end(&mut module)
        .map_err(|error| failed("unpacking the embedded module", &error))?;
    engine
        .precompile_module(&module)
        .map_err(|error| failed("compiling", &error))
}

/// Writes through to the disk, so that a power cut after the renaming leaves no file of zeros.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn open(engine: &Engine, path: &Path) -> Option<Module> {
    if !path.is_file() {
        return None;
    }
    // SAFETY: the file was written by `compile`, completely (it appears by renaming), and nobody
    // but this user or root can write to its directory: `prepare_directory` and `Shipped` have made
    // sure. wasmtime checks version and settings itself.
    #[allow(unsafe_code)]
    let module = unsafe { Module::deserialize_file(engine, path) };
    module
        .inspect_err(|error| {
            tracing::warn!(path = %path.display(), %error, "a compiled engine cannot be loaded; \
            compiling it again")
        })
        .ok()
}

/// Gives the memory of the compiled code back until it is needed again: it is a mapped file, some
/// forty mebibytes of it.
pub fn page_out(module: &Module) {
    let range = module.image_range();
    let size = (range.end as usize).saturating_sub(range.start as usize);
    // SAFETY: the range is one mapping, which lives as long as the module, and this advice never
    // changes what is in memory.
    #[allow(unsafe_code)]
    let done = unsafe { rustix::mm::madvise(range.start.cast_mut().cast(), size, rustix::mm::Advice::LinuxPageOut) };
    if let Err(error) = done {
        tracing::debug!(%error, "the memory of Helm's engine is not given back");
    }
}

/// Compiled code is trusted, so it may only lie where nobody else can write.
fn prepare_directory(directory: &Path) -> Result<(), RenderError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| failed(&format!("creating the cache directory {}", directory.display()), &error))?;
    let metadata =
        fs::metadata(directory).map_err(|error| failed(&format!("reading {}", directory.display()), &error))?;
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    if !own || metadata.mode() & 0o022 != 0 {
        return Err(RenderError::Engine {
            message: format!(
                "compiled code is not loaded from {}: others can write there; choose a directory of this user's own, \
                    or chmod 700",
                directory.display()
            ),
        });
    }
    Ok(())
}

fn failed(action: &str, error: &dyn std::fmt::Display) -> RenderError {
    RenderError::Engine {
        message: format!("{action}: {error:#}"),
    }
}
