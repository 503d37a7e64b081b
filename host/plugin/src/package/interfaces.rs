//! The interfaces of a component, and those that the host has, by name.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use wit_parser::{Resolve, SourceMap, WorldItem, WorldKey};

use crate::package::wit::PACKAGES;

/// The host's world, which has every interface.
const WORLD: &str = "runtime-with-all";

/// An interface that a component exports or imports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// With package and version: `wasser:runtime/implement@0.1.0`.
    pub name: String,
    /// Its functions.
    pub functions: Vec<String>,
}

/// The name of an interface in its parts.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a> {
    /// With its package: `wasser:exec/exec`.
    pub interface: &'a str,
    /// The version of the package.
    pub version: Option<&'a str>,
}

impl<'a> Name<'a> {
    /// Splits the name of an interface.
    pub fn of(name: &'a str) -> Self {
        match name.split_once('@') {
            Some((interface, version)) => Self {
                interface,
                version: Some(version),
            },
            None => Self {
                interface: name,
                version: None,
            },
        }
    }

    /// Returns the package without its version: `wasser:exec`.
    pub fn package(&self) -> &'a str {
        self.interface
            .split_once('/')
            .map_or(self.interface, |(package, _)| package)
    }
}

/// Returns the interfaces among the items of a world.
pub fn interfaces<'a>(resolve: &Resolve, items: impl Iterator<Item = (&'a WorldKey, &'a WorldItem)>) -> Vec<Interface> {
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

/// The functions of the host's own world, by the interfaces' names without their version.
pub struct HostWorld {
    /// Interfaces that a plugin can export.
    pub exports: BTreeMap<String, Vec<String>>,
    /// Interfaces that a plugin can import.
    pub imports: BTreeMap<String, Vec<String>>,
    /// The version of each package.
    pub versions: BTreeMap<String, String>,
}

impl HostWorld {
    /// Reads the WIT that the bindings were generated from.
    ///
    /// # Errors
    /// Only if the host was built wrongly.
    pub fn parse() -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("the host's own WIT: {error}");
        let mut resolve = Resolve::default();
        let mut last = None;
        for (_, files) in PACKAGES {
            let mut sources = SourceMap::default();
            for (name, text) in files {
                sources.push(Path::new(name), *text);
            }
            let group = sources.parse().map_err(|error| failed(&format!("{error:?}")))?;
            last = Some(
                resolve
                    .push_group(group)
                    .map_err(|error| failed(&format!("{error:#}")))?,
            );
        }
        let id = resolve
            .select_world(last.as_slice(), Some(WORLD))
            .map_err(|error| failed(&format!("{error:#}")))?;
        let world = resolve.worlds.get(id).ok_or_else(|| failed(&"no world"))?;
        let named = |items: Vec<Interface>| {
            let named = |found: Interface| (Name::of(&found.name).interface.to_owned(), found.functions);
            items.into_iter().map(named).collect()
        };
        let versions = resolve.packages.iter().filter_map(|(_, package)| {
            let version = package.name.version.as_ref()?;
            Some((
                format!("{}:{}", package.name.namespace, package.name.name),
                version.to_string(),
            ))
        });
        Ok(Self {
            exports: named(interfaces(&resolve, world.exports.iter())),
            imports: named(interfaces(&resolve, world.imports.iter())),
            versions: versions.collect(),
        })
    }

    /// Returns what the host does not have of an interface that a component imports: the interface,
    /// or functions of it. Those of WASI link, with nothing behind them.
    pub fn unknown(&self, import: &Interface) -> Vec<String> {
        let name = Name::of(&import.name);
        match self.imports.get(name.interface) {
            Some(functions) => {
                let missing = import.functions.iter().filter(|name| !functions.contains(*name));
                missing.map(|name| format!("{}#{name}", import.name)).collect()
            }
            None if import.name.starts_with("wasi:") => Vec::new(),
            None => vec![import.name.clone()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_capability_is_a_package_with_a_version_of_its_own() {
        let host = HostWorld::parse().unwrap();
        for interface in host.imports.keys() {
            let package = Name::of(interface).package();
            assert!(host.versions.contains_key(package), "{interface}");
            let capabilities = host.imports.keys().filter(|other| Name::of(other).package() == package);
            let with_functions = capabilities.filter(|other| !host.imports[*other].is_empty()).count();
            assert!(with_functions <= 1, "{package} has {with_functions} interfaces");
        }
        assert!(host.imports["wasser:exec/exec"].contains(&"run".to_owned()));
        assert!(host.exports["wasser:runtime/implement"].contains(&"describe".to_owned()));
    }
}
