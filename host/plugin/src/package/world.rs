//! Checks a file before it is compiled: whether it is a component, and what it exports and imports.

use serde::Serialize;
use wasmparser::{Validator, WasmFeatures};
use wit_parser::decoding::{DecodedWasm, decode};

use crate::package::interfaces::{HostWorld, Interface, Name, interfaces};

/// The interfaces of a runtime, without the versions of their package.
const IMPLEMENT: &str = "wasser:runtime/implement";
const OPERATIONS: &str = "wasser:runtime/operations";
const MIGRATION: &str = "wasser:runtime/migration";

/// What a component exports and imports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct World {
    /// The version of `wasser:runtime` that it was built for: `0.1.0`.
    pub version: String,
    /// Interfaces that it exports.
    pub exports: Vec<Interface>,
    /// Interfaces that it imports.
    pub imports: Vec<Interface>,
}

/// Why a file cannot be a plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// The component is larger than the host accepts.
    #[error("the component has {size} bytes, and this host accepts at most {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file is not WebAssembly.
    #[error("this is not a WebAssembly component: it {0}")]
    NotWasm(String),
    /// The file is a core module.
    #[error(
        "this is a core WebAssembly module, not a component; make a component of it with \
         `wasm-tools component new`, or build it with `cargo xtask guests`"
    )]
    CoreModule,
    /// The component does not validate.
    #[error("the component is not valid: {0}")]
    Invalid(String),
    /// The component was built for a version of a package that this host does not serve.
    #[error(
        "the component was built for {found}, and this host serves {served}; build it against a version that the \
         host serves, or update the host"
    )]
    WrongVersion {
        /// The package with the version that it was built for: `wasser:exec 0.2.0`.
        found: String,
        /// The versions that the host serves.
        served: String,
    },
    /// The component lacks a required export.
    #[error("the component does not export `{0}`, which every runtime plugin must")]
    MissingExport(&'static str),
    /// An exported interface lacks functions.
    #[error(
        "the component exports `{interface}` without {}; it was built against another WIT",
        quoted(missing)
    )]
    MissingFunctions {
        /// The interface.
        interface: String,
        /// Functions that it must have.
        missing: Vec<String>,
    },
    /// The component imports interfaces or functions that the host does not have.
    #[error(
        "the component imports {}, which this host does not have; a plugin can import the interfaces of wasser's \
         packages, and those of wasi, which only link",
        quoted(.0)
    )]
    UnknownImports(Vec<String>),
    /// The types of a function differ from the WIT's.
    #[error("the component does not fit the world wasser:runtime: {0}")]
    TypeMismatch(String),
}

fn quoted(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl World {
    /// Returns whether the component exports data operations.
    pub fn has_operations(&self) -> bool {
        self.exports(OPERATIONS)
    }

    /// Returns whether the component translates what other versions have installed.
    pub fn has_migration(&self) -> bool {
        self.exports(MIGRATION)
    }

    fn exports(&self, wanted: &str) -> bool {
        let mut names = self.exports.iter().map(|found| Name::of(&found.name).interface);
        names.any(|interface| interface == wanted)
    }

    /// Reads what a component exports and imports, without compiling it.
    ///
    /// # Errors
    /// The file cannot be a plugin for this host.
    pub fn of(component: &[u8], limit: u64) -> Result<Self, CheckError> {
        let size = component.len() as u64;
        if size > limit {
            return Err(CheckError::TooLarge { size, limit });
        }
        match component.get(..8) {
            Some([0, b'a', b's', b'm', _, _, 1, 0]) => {}
            Some([0, b'a', b's', b'm', ..]) => return Err(CheckError::CoreModule),
            Some([0x1f, 0x8b, ..]) => {
                return Err(CheckError::NotWasm(
                    "is compressed with gzip; register the component itself".to_owned(),
                ));
            }
            Some(_) => return Err(CheckError::NotWasm("does not begin with `\\0asm`".to_owned())),
            None => return Err(CheckError::NotWasm(format!("has only {size} bytes"))),
        }
        // The whole file is validated before any part of it is interpreted.
        let invalid = |error: &dyn std::fmt::Display| CheckError::Invalid(error.to_string());
        Validator::new_with_features(features())
            .validate_all(component)
            .map_err(|error| invalid(&error))?;
        let (resolve, id) = match decode(component).map_err(|error| invalid(&format!("{error:#}")))? {
            DecodedWasm::Component(resolve, id) => (resolve, id),
            DecodedWasm::WitPackage(..) => {
                return Err(CheckError::NotWasm(
                    "is a WIT package in binary form, without code".to_owned(),
                ));
            }
        };
        let Some(found) = resolve.worlds.get(id) else {
            return Err(CheckError::Invalid("it has no world".to_owned()));
        };
        let mut world = Self {
            version: String::new(),
            exports: interfaces(&resolve, found.exports.iter()),
            imports: interfaces(&resolve, found.imports.iter()),
        };
        world.check()?;
        Ok(world)
    }

    fn check(&mut self) -> Result<(), CheckError> {
        let host = HostWorld::parse().map_err(CheckError::TypeMismatch)?;
        for found in self.exports.iter().chain(&self.imports) {
            let name = Name::of(&found.name);
            let (package, version) = (name.package(), name.version.unwrap_or_default());
            let served = host.versions.get(package);
            if let Some(served) = served.filter(|served| !is_served(version, served)) {
                return Err(CheckError::WrongVersion {
                    found: format!("{package} {version}"),
                    served: format!("{}.x", family(served)),
                });
            }
        }
        let implement = self.exports.iter().map(|found| Name::of(&found.name));
        let Some(implement) = implement.into_iter().find(|name| name.interface == IMPLEMENT) else {
            return Err(CheckError::MissingExport(IMPLEMENT));
        };
        let version = implement.version.unwrap_or_default().to_owned();
        for found in &self.exports {
            let wanted = host.exports.get(Name::of(&found.name).interface);
            let missing = |function: &&String| !found.functions.contains(function);
            let missing: Vec<String> = wanted.into_iter().flatten().filter(missing).cloned().collect();
            if !missing.is_empty() {
                return Err(CheckError::MissingFunctions {
                    interface: found.name.clone(),
                    missing,
                });
            }
        }
        let unknown: Vec<String> = self.imports.iter().flat_map(|found| host.unknown(found)).collect();
        if !unknown.is_empty() {
            return Err(CheckError::UnknownImports(unknown));
        }
        self.version = version;
        Ok(())
    }
}

/// Returns whether a component for one version runs on a host of another one. Patch versions only
/// add functions, and a function that the host lacks is reported by itself.
fn is_served(version: &str, by: &str) -> bool {
    family(version) == family(by)
}

fn family(version: &str) -> &str {
    version.rsplit_once('.').map_or(version, |(family, _)| family)
}

/// Returns the features that a component may use: those that toolchains enable by default. The
/// engine has the same configuration.
fn features() -> WasmFeatures {
    WasmFeatures::default()
        - WasmFeatures::THREADS
        - WasmFeatures::MEMORY64
        - WasmFeatures::RELAXED_SIMD
        - WasmFeatures::GC
        - WasmFeatures::CM_ASYNC
}
