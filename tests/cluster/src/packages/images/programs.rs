//! Programs of this machine in images, with the libraries that they are linked with.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::image::Image;
use crate::machine;

/// The libraries that a C library loads by itself to look up names; parts of the library itself
/// since glibc 2.34.
const LOADED: [&str; 3] = ["libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"];

/// Puts programs into an image, each where it is on this machine, with their libraries.
pub fn with_programs(mut image: Image, programs: &[&str]) -> Result<Image> {
    for program in programs {
        image = with_libraries(image.file(program, program, 0o755), &libraries(Path::new(program))?);
    }
    Ok(image)
}

/// Puts libraries into an image, each where it is on this machine.
pub fn with_libraries<'a>(image: Image, libraries: impl IntoIterator<Item = &'a PathBuf>) -> Image {
    libraries.into_iter().fold(image, |image, library| {
        image.file(&library.display().to_string(), library, 0o755)
    })
}

/// Returns the libraries that the loader finds for a program, the loader itself, and what the C
/// library loads later.
pub fn libraries(program: &Path) -> Result<BTreeSet<PathBuf>> {
    let listed = machine::run(Command::new("ldd").arg(program))
        .with_context(|| format!("asking the loader which libraries {} needs", program.display()))?;
    let mut libraries = named(&listed)?;
    let directories: BTreeSet<PathBuf> = libraries
        .iter()
        .filter_map(|library| library.parent().map(Path::to_owned))
        .collect();
    for directory in directories {
        libraries.extend(
            LOADED
                .map(|name| directory.join(name))
                .into_iter()
                .filter(|path| path.is_file()),
        );
    }
    Ok(libraries)
}

/// Parses the paths in the output of `ldd`.
fn named(listed: &str) -> Result<BTreeSet<PathBuf>> {
    let missing: Vec<&str> = listed
        .lines()
        .filter(|line| line.contains("not found"))
        .map(str::trim)
        .collect();
    ensure!(missing.is_empty(), "libraries are missing: {}", missing.join(", "));
    let path = |line: &str| {
        line.split_whitespace()
            .find(|word| word.starts_with('/'))
            .map(PathBuf::from)
    };
    Ok(listed.lines().filter_map(path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_taken_from_what_ldd_prints() {
        let listed = "\tlinux-vdso.so.1 (0x0)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x0)\n\t/lib64/ld.so.2 (0x0)\n";
        let expected = BTreeSet::from(["/lib/x/libc.so.6", "/lib64/ld.so.2"].map(PathBuf::from));
        assert_eq!(named(listed).unwrap(), expected);
        assert!(
            named("\tlibx.so => not found\n")
                .unwrap_err()
                .to_string()
                .contains("libx.so")
        );
        // A static program needs none.
        assert!(named("\tstatically linked\n").unwrap().is_empty());
    }
}
