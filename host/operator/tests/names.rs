//! The host knows no cache system: what is particular to one belongs into its plugin.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::fs;
use std::path::{Path, PathBuf};

/// Words of the names of cache systems, as parts of what is written in code.
const SYSTEMS: [&str; 9] = [
    "juicefs",
    "alluxio",
    "jindo",
    "thinruntime",
    "thin-",
    "goosefs",
    "vineyard",
    "efcruntime",
    "cacheruntime",
];

/// Lines that may stay: the type of a mount that old volumes do not name, which were all of one
/// system, and kinds that no plugin may serve.
const KNOWN: [&str; 3] = [
    "const DEFAULT_MOUNT_TYPE: &str = \"fuse.alluxio-fuse\";",
    "(\"ThinRuntimeProfile\", \"thinruntimeprofiles\"),",
    "(\"CacheRuntimeClass\", \"cacheruntimeclasses\"),",
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        // Tests that run the operator on real plugins name these.
        if path.ends_with("in_process") {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// The lines of a file that are neither comments nor tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
}

#[test]
fn the_host_names_no_cache_system() {
    let host = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for package in fs::read_dir(host).unwrap() {
        let directory = package.unwrap().path().join("src");
        if directory.is_dir() {
            sources(&directory, &mut files);
        }
    }
    assert!(files.len() > 100, "only {} files were found", files.len());
    let mut named = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let names =
            |line: &&str| SYSTEMS.iter().any(|system| line.to_lowercase().contains(system)) && !KNOWN.contains(line);
        named.extend(
            code(&text)
                .filter(names)
                .map(|line| format!("{}: {line}", file.display())),
        );
    }
    assert!(named.is_empty(), "{}", named.join("\n"));
}

#[test]
fn a_name_in_code_is_found() {
    let text = "//! juicefs\nlet kind = \"JindoRuntime\";\n#[cfg(test)]\nmod tests { \"alluxio\" }";
    assert_eq!(code(text).collect::<Vec<_>>(), ["let kind = \"JindoRuntime\";"]);
}
