//! Why the engine cannot be set up, and why a component cannot be compiled.

use std::path::PathBuf;
use std::time::Duration;

/// Why the host cannot start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// wasmtime refused its configuration.
    #[error("the WebAssembly engine could not be set up: {0}")]
    Engine(String),
    /// The cache directory cannot be used.
    #[error("the cache directory {}, for compiled plugins, cannot be used: {reason}", path.display())]
    Cache {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it, and the remedy.
        reason: String,
    },
    /// The plugin directory cannot be opened.
    #[error("the plugin directory {} cannot be opened: {reason}", path.display())]
    PluginDir {
        /// The directory.
        path: PathBuf,
        /// The system's words.
        reason: std::io::Error,
    },
    /// Compiling a file failed.
    #[error("{} could not be compiled: {reason}", path.display())]
    Compile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Why a component could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The compiler gave up.
    #[error("the component could not be compiled: {0}")]
    Failed(String),
    /// Compiling took too long.
    #[error("compiling the component took more than {0:?}; it is too large or too complex for this host")]
    Timeout(Duration),
}
