//! A plugin as one OCI artifact: component, chart, CRDs and plugin.yaml under one digest.
//!
//! It is the layout of the CNCF for WebAssembly in registries: a config of type
//! `application/vnd.wasm.config.v0+json`, and the component as the layer `application/wasm`. The
//! other parts are further layers, each with a media type of its own, so that tools that know only
//! components find one.
//!
//! # Reproducible
//! Nothing in an artifact depends on time, machine or user: the same parts have the same digest.
//!
//! # Nothing is believed
//! The bytes of a part count only if size and digest are those that the manifest states, and the
//! manifest only if its own digest is the expected one (`manifest.rs`, `artifact.rs`).

pub mod artifact;
pub mod layout;
pub mod manifest;
