//! Renders Helm charts with Helm's own engine in WebAssembly, and keeps Helm 3 releases.
