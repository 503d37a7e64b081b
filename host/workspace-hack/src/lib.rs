//! Nothing: this crate only states features, see its Cargo.toml.
