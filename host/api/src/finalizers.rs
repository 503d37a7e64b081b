//! Finalizers: what keeps an object until its cleanup is done.

/// Of a Dataset, until nothing uses it.
pub const DATASET: &str = "fluid-dataset-controller-finalizer";

/// What the finalizers of runtimes end with.
const OF_RUNTIME: &str = "-runtime-controller-finalizer";

/// Whether a finalizer is that of a runtime of any type.
pub fn is_of_runtime(finalizer: &str) -> bool {
    finalizer.ends_with(OF_RUNTIME)
}

/// Of a runtime of this type (`juicefs`), until its volume, its cache and its release are gone.
pub fn runtime(engine: &str) -> String {
    format!("{engine}{OF_RUNTIME}")
}
