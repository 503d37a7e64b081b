//! `wasser plugin key`: a pair of keys for signatures.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use wasser_oci::PrivateKey;

/// Who may read the key that signs, and the one that verifies.
const SECRET: u32 = 0o600;
const PUBLIC: u32 = 0o644;

/// What to make.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The files to write, without their endings: `NAME.key` signs and is secret, `NAME.pub` verifies.
    #[arg(value_name = "NAME", default_value = "wasser")]
    name: PathBuf,
}

impl Args {
    /// Writes both keys. Files that are there stay.
    pub fn run(&self) -> Result<ExitCode> {
        let pair = PrivateKey::generate().context("the system gives no random numbers")?;
        let (private, public) = (ending(&self.name, ".key"), ending(&self.name, ".pub"));
        write(&private, SECRET, &pair.private)?;
        if let Err(error) = write(&public, PUBLIC, &pair.public) {
            // Half a pair is of use to nobody, and in the way of the next attempt.
            drop(fs::remove_file(&private));
            return Err(error);
        }
        crate::cli::print(&format!("{}\n{}\n", private.display(), public.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns a name with this ending, whatever dots it has.
fn ending(name: &Path, ending: &str) -> PathBuf {
    let mut name = name.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Writes a file that is not there.
fn write(path: &Path, mode: u32, text: &str) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .with_context(|| format!("writing {}, which must not be there", path.display()))?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_name_keeps_its_dots() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["team.v1", "team.v2"] {
            let name = directory.path().join(name);
            Args { name }.run().unwrap();
        }
        assert_eq!(
            names(directory.path()),
            ["team.v1.key", "team.v1.pub", "team.v2.key", "team.v2.pub"]
        );
    }

    #[test]
    fn a_key_that_is_there_stays_and_no_half_of_a_pair_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let (name, public) = (directory.path().join("my-cache"), directory.path().join("my-cache.pub"));
        fs::write(&public, "theirs").unwrap();
        let refused = Args { name }.run().unwrap_err().to_string();
        assert!(refused.contains("my-cache.pub, which must not be there"), "{refused}");
        assert_eq!(fs::read_to_string(&public).unwrap(), "theirs");
        assert_eq!(names(directory.path()), ["my-cache.pub"]);
    }
}
