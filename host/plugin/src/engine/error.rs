//! Why the engine cannot be set up, and why a component cannot be compiled.

use std::path::PathBuf;
use std::time::Duration;

/// Why the host cannot start, or cannot compile a file.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// wasmtime refuses its configuration.
    #[error("the WebAssembly engine could not be set up: {0}")]
    Engine(String),
    /// The cache directory cannot be used.
    #[error("the cache directory {}, for compiled plugins, cannot be used: {reason}", path.display())]
    Cache {
        /// The directory.
        path: PathBuf,
        /// The reason and the remedy.
        reason: String,
    },
    /// The plugin directory cannot be opened.
    #[error("the plugin directory {} cannot be opened: {reason}", path.display())]
    PluginDir {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        reason: std::io::Error,
    },
    /// A file cannot be compiled.
    #[error("{} could not be compiled: {reason}", path.display())]
    Compile {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
}

/// Why a component cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The compiler failed.
    #[error("the component could not be compiled: {0}")]
    Failed(String),
    /// The check or the compilation took too long.
    #[error(
        "checking and compiling the component took more than {0:?}; it is too large or too complex for this host, or \
         the host is too busy"
    )]
    Timeout(Duration),
    /// The process was killed each time.
    #[error(
        "checking and compiling the component has ended the operator each time, perhaps for want of memory; register \
         another build of it, or delete {} to have it tried again", .0.display()
    )]
    Killed(PathBuf),
}
