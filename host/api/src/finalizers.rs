//! Finalizers: what keeps an object until its cleanup is done.

/// Of a Dataset, until nothing uses it.
pub const DATASET: &str = "fluid-dataset-controller-finalizer";

/// Of a runtime of this type (`juicefs`), until its volume, its cache and its release are gone.
pub fn runtime(engine: &str) -> String {
    format!("{engine}-runtime-controller-finalizer")
}
