//! Checks a file before it is compiled: whether it is a component, and what it exports and imports.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use wasmparser::{Validator, WasmFeatures};
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Resolve, WorldItem, WorldKey};

/// Versions of `wasser:runtime` that this host serves. A patch version only adds interfaces.
pub const SUPPORTED_VERSIONS: &[&str] = &["0.1"];

/// The package of the world, without its version.
const PACKAGE: &str = "wasser:runtime/";
/// The world as released, from which the host's bindings are generated.
const WIT: [(&str, &str); 5] = [
    ("types.wit", include_str!("../../../../wit/types.wit")),
    ("host.wit", include_str!("../../../../wit/host.wit")),
    ("implement.wit", include_str!("../../../../wit/implement.wit")),
    ("operations.wit", include_str!("../../../../wit/operations.wit")),
    ("world.wit", include_str!("../../../../wit/world.wit")),
];

/// An interface that a component exports or imports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// With package and version: `wasser:runtime/implement@0.1.0`.
    pub name: String,
    /// Its functions.
    pub functions: Vec<String>,
}

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
    /// The component was built for a world that this host does not serve.
    #[error(
        "the component was built for wasser:runtime {}, and this host serves {}; build it against a version that the \
         host serves, or update the host",
        found.join(", "),
        supported_versions()
    )]
    WrongVersion {
        /// The versions that it was built for.
        found: Vec<String>,
    },
    /// The component lacks a required export.
    #[error("the component does not export `wasser:runtime/{0}`, which every runtime plugin must")]
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
        "the component imports {}, which this host does not have; a plugin can import the interfaces of \
         wasser:runtime, and those of wasi, which only link",
        quoted(.0)
    )]
    UnknownImports(Vec<String>),
    /// The types of a function differ from the WIT's.
    #[error("the component does not fit the world wasser:runtime: {0}")]
    TypeMismatch(String),
}

fn supported_versions() -> String {
    let families: Vec<String> = SUPPORTED_VERSIONS
        .iter()
        .map(|version| format!("{version}.x"))
        .collect();
    families.join(", ")
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
        self.exports
            .iter()
            .any(|interface| short(&interface.name).0 == Some("operations"))
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
        let host = HostWorld::parse()?;
        let named = |interface: &Interface| short(&interface.name).1.map(str::to_owned);
        let versions: BTreeSet<String> = self.exports.iter().chain(&self.imports).filter_map(named).collect();
        let served = |version: &String| {
            SUPPORTED_VERSIONS
                .iter()
                .any(|served| version.strip_prefix(served).is_some_and(|rest| rest.starts_with('.')))
        };
        if !versions.iter().all(served) {
            return Err(CheckError::WrongVersion {
                found: versions.into_iter().collect(),
            });
        }
        let exported: BTreeMap<&str, &Interface> = self
            .exports
            .iter()
            .filter_map(|found| Some((short(&found.name).0?, found)))
            .collect();
        if !exported.contains_key("implement") {
            return Err(CheckError::MissingExport("implement"));
        }
        for (name, found) in exported {
            let missing = host.exports.get(name).into_iter().flatten();
            let is_missing = |function: &&String| !found.functions.contains(function);
            let missing: Vec<String> = missing.filter(is_missing).cloned().collect();
            if !missing.is_empty() {
                return Err(CheckError::MissingFunctions {
                    interface: found.name.clone(),
                    missing,
                });
            }
        }
        let mut unknown = Vec::new();
        for import in &self.imports {
            match short(&import.name).0 {
                Some(name) => match host.imports.get(name) {
                    Some(functions) => {
                        unknown.extend(
                            import
                                .functions
                                .iter()
                                .filter(|name| !functions.contains(*name))
                                .map(|name| format!("{}#{name}", import.name)),
                        );
                    }
                    None => unknown.push(import.name.clone()),
                },
                None if import.name.starts_with("wasi:") => {}
                None => unknown.push(import.name.clone()),
            }
        }
        if !unknown.is_empty() {
            return Err(CheckError::UnknownImports(unknown));
        }
        self.version = versions.into_iter().next_back().unwrap_or_default();
        Ok(())
    }
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

/// Returns the interface's name without its package, and its version, if it belongs to
/// `wasser:runtime`.
fn short(name: &str) -> (Option<&str>, Option<&str>) {
    let Some(rest) = name.strip_prefix(PACKAGE) else {
        return (None, None);
    };
    match rest.split_once('@') {
        Some((name, version)) => (Some(name), Some(version)),
        None => (Some(rest), None),
    }
}

fn interfaces<'a>(resolve: &Resolve, items: impl Iterator<Item = (&'a WorldKey, &'a WorldItem)>) -> Vec<Interface> {
    items
        .filter_map(|(key, item)| {
            let name = resolve.name_world_key(key);
            let functions = match item {
                WorldItem::Interface { id, .. } => resolve.interfaces.get(*id)?.functions.keys().cloned().collect(),
                WorldItem::Function(function) => vec![function.name.clone()],
                WorldItem::Type { .. } => return None,
            };
            Some(Interface { name, functions })
        })
        .collect()
}

/// The functions of the host's own world, by the interfaces' names without their package.
struct HostWorld {
    exports: BTreeMap<String, Vec<String>>,
    imports: BTreeMap<String, Vec<String>>,
}

impl HostWorld {
    fn parse() -> Result<Self, CheckError> {
        // Cannot fail, because the bindings were generated from the same WIT.
        let failed = |error: &dyn std::fmt::Display| CheckError::TypeMismatch(format!("the host's own WIT: {error}"));
        let mut sources = wit_parser::SourceMap::default();
        for (name, text) in WIT {
            sources.push(std::path::Path::new(name), text);
        }
        let group = sources.parse().map_err(|error| failed(&format!("{error:?}")))?;
        let mut resolve = Resolve::default();
        let package = resolve
            .push_group(group)
            .map_err(|error| failed(&format!("{error:#}")))?;
        let id = resolve
            .select_world(&[package], Some("runtime-with-operations"))
            .map_err(|error| failed(&format!("{error:#}")))?;
        let Some(world) = resolve.worlds.get(id) else {
            return Err(failed(&"no world"));
        };
        let named = |items: Vec<Interface>| {
            items
                .into_iter()
                .filter_map(|found| Some((short(&found.name).0?.to_owned(), found.functions)))
                .collect()
        };
        Ok(Self {
            exports: named(interfaces(&resolve, world.exports.iter())),
            imports: named(interfaces(&resolve, world.imports.iter())),
        })
    }
}
