//! What the tests of the plugins share. A [`Kit`] knows a plugin by its runtime and its directory:
//! it makes contexts of manifests, asks the plugin for values, compares them with golden files, and
//! renders them as the host does. [`crd`] checks the kind's CRD, [`scripts`] runs the scripts of
//! charts, and [`operations`] has the plans of data operations.
//!
//! Only tests use this, so what is not as it should be is a panic that says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod chart;
pub mod crd;
mod golden;
mod manifest;
mod methods;
mod mutations;
pub mod operations;
pub mod scripts;

use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wasser_sdk::testing::FakeHost;
use wasser_sdk::{Context, Error, Implement, RawContext, Result};

pub use chart::Helm;
pub use manifest::{host, merge};
pub use wasser_chart::Rendered;

/// The UID of Dataset and runtime.
pub const UID: &str = "0b6f5a7e-1d0c-4f3e-9a54-2f1f8c1d7e10";

/// The plugin under test: its runtime `R`, and where its files are.
pub struct Kit<R> {
    root: &'static str,
    temporary: &'static str,
    images: &'static [(&'static str, &'static str)],
    runtime: PhantomData<fn() -> R>,
}

impl<R: Implement> Kit<R> {
    /// Returns the plugin in the directory `root`; `temporary` is for what one test leaves for the
    /// next. They are the test's own `CARGO_MANIFEST_DIR` and `CARGO_TARGET_TMPDIR`.
    pub const fn of(root: &'static str, temporary: &'static str) -> Self {
        Self {
            root,
            temporary,
            images: &[],
            runtime: PhantomData,
        }
    }

    /// With the images of a registration, by name.
    pub const fn with_images(self, images: &'static [(&'static str, &'static str)]) -> Self {
        Self { images, ..self }
    }

    /// Returns a Dataset and a runtime with these specs.
    pub fn pair(&self, dataset: Value, runtime: Value) -> Vec<Value> {
        vec![
            manifest::object("Dataset", dataset),
            manifest::object(&R::describe().kind, runtime),
        ]
    }

    /// Returns the context of the Dataset and the runtime in `documents`, as the host makes it. A
    /// document of the kind `Settings` has the settings of the registration, and kinds that it grants
    /// in addition.
    pub fn raw(&self, documents: &[Value]) -> RawContext {
        let mut raw = manifest::raw(&R::describe(), documents);
        raw.images = self
            .images
            .iter()
            .map(|(name, image)| (name.to_string(), image.to_string()))
            .collect();
        raw
    }

    /// Returns the same, read.
    pub fn context(&self, documents: &[Value]) -> Result<Context<R::Spec>> {
        Context::parse(self.raw(documents))
    }

    /// Returns the values of a new release.
    pub fn values(&self, documents: &[Value], host: &FakeHost) -> Result<Value> {
        let ctx = self.context(documents)?;
        R::validate(&ctx, host)?;
        let values = R::desired(&ctx, host)?;
        Ok(serde_json::to_value(values).unwrap())
    }

    /// Returns the values that `documents` ask of the release with the values `installed`, at the
    /// given time.
    pub fn synced(&self, documents: &[Value], installed: &Value, now_ms: u64, host: &FakeHost) -> Result<Value> {
        let mut raw = self.raw(documents);
        raw.now_ms = now_ms;
        raw.installed = Some(installed.to_string());
        let values = R::desired(&Context::parse(raw)?, host)?;
        Ok(serde_json::to_value(values).unwrap())
    }

    /// Returns how the repository registers the plugin.
    fn registration(&self) -> Value {
        yaml_serde::from_str(&read(&self.path("plugin.yaml"))).unwrap()
    }

    fn path(&self, path: &str) -> PathBuf {
        Path::new(self.root).join(path)
    }
}

/// Returns field and message of a refusal.
pub fn refusal(values: Result<Value>) -> (String, String) {
    match values {
        Err(Error::InvalidSpec { field, message }) => (field, message),
        other => panic!("{other:?}"),
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
