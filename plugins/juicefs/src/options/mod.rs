//! Options: which of them JuiceFS knows, and for what.
//!
//! A Dataset has one list of options for two commands, `juicefs format` and `mount`. Neither takes
//! the other's, so in the community edition each option goes where JuiceFS 1.3 has it. The
//! enterprise edition formats nothing: there all go to `mount`, and names are not checked, since
//! its list is not public.

mod known;

use std::collections::BTreeMap;

use wasser_sdk::{Error, Result};

use crate::edition::Edition;
use crate::shell;
use known::{FORMAT, FORMAT_CONTROL, FORMAT_FLAGS, MOUNT, MOUNT_FLAGS, SYSTEM};

/// Options of a command by name; the value is empty if the option has none.
pub type Options = BTreeMap<String, String>;

/// The setting of the registration with names of further options, separated by commas: for images
/// that are newer than this list.
pub const EXTRA_OPTIONS: &str = "extra-options";

/// Options that the Dataset's mount has for other purposes: from there they never reach `mount`.
const NOT_FOR_MOUNT: &[&str] = &["bucket", "bucket2", "quota", "storage"];

/// Options that give access, and are therefore never read from plain text, which everybody sees in
/// values and ConfigMaps. `metaurl` would moreover be taken for an option of the enterprise
/// edition.
const SECRETS: &[&str] = &["metaurl", "token"];

/// Whose options they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The Dataset's: those of the file system and those of the mount in one.
    Dataset,
    /// The runtime's: all of them go to `mount`.
    Component,
}

/// What the options are checked against.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    edition: Edition,
    extra: &'a str,
}

impl<'a> Known<'a> {
    /// Returns the options of an edition. `extra` are names that the installation adds, separated
    /// by commas.
    pub fn new(edition: Edition, extra: Option<&'a String>) -> Self {
        Known {
            edition,
            extra: extra.map_or("", String::as_str),
        }
    }

    fn has(&self, lists: &[&[&str]], name: &str) -> bool {
        let listed = || lists.iter().any(|list| list.contains(&name));
        self.edition == Edition::Enterprise || listed() || self.extra.split(',').any(|extra| extra.trim() == name)
    }

    /// Refuses options that the mount would fail with, or that would not arrive as they were
    /// written.
    pub fn check(&self, field: &str, origin: Origin, options: &Options) -> Result<()> {
        for (name, value) in options {
            let field = format!("{field}.{name}");
            shell::check_option_name(&field, name)?;
            shell::check_text(&field, value)?;
            if let Some(secret) = SECRETS.iter().find(|secret| **secret == name) {
                return Err(Error::invalid(field, belongs_to_a_secret(secret)));
            }
            let allowed: &[&[&str]] = match origin {
                Origin::Dataset => &[NOT_FOR_MOUNT, FORMAT, MOUNT, SYSTEM],
                Origin::Component => &[MOUNT, SYSTEM],
            };
            if !self.has(allowed, name) {
                return Err(Error::invalid(field, refused(name, origin)));
            }
            if origin == Origin::Component || reaches_mount(self.edition, name) {
                self.check_mount_value(&field, name, value)?;
            }
        }
        Ok(())
    }

    fn check_mount_value(&self, field: &str, name: &str, value: &str) -> Result<()> {
        if value.contains(',') {
            let message = "contains a comma, which separates mount options; JuiceFS cannot get this value";
            return Err(Error::invalid(field, message));
        }
        if self.edition == Edition::Enterprise || !MOUNT.contains(&name) {
            return Ok(());
        }
        match (MOUNT_FLAGS.contains(&name), value) {
            (false, "") => Err(Error::invalid(field, "needs a value; give one, or remove the option")),
            (true, value) if !value.is_empty() && !is_bool(value) => {
                let message = format!(
                    "`{}` is neither true nor false; leave the value empty for true",
                    value.escape_debug()
                );
                Err(Error::invalid(field, message))
            }
            _ => Ok(()),
        }
    }

    /// Refuses an item of `spec.configs` whose option `juicefs format` does not have.
    pub fn check_config(&self, field: &str, item: &str) -> Result<()> {
        let name = item
            .split(|c: char| c == '=' || c.is_whitespace())
            .next()
            .unwrap_or_default();
        shell::check_option_name(field, name)?;
        if self.has(&[FORMAT, FORMAT_CONTROL], name) {
            return Ok(());
        }
        Err(Error::invalid(field, known::refusal(name, EXTRA_OPTIONS)))
    }
}

fn belongs_to_a_secret(name: &str) -> String {
    format!(
        "is secret; put it into a Secret, and refer to that by Dataset.spec.mounts[0].encryptOptions with the \
         name `{name}`"
    )
}

fn refused(name: &str, origin: Origin) -> String {
    if origin == Origin::Component && (FORMAT.contains(&name) || NOT_FOR_MOUNT.contains(&name)) {
        format!("belongs to the file system; put it into Dataset.spec.mounts[0].options.{name}")
    } else {
        known::refusal(name, EXTRA_OPTIONS)
    }
}

/// What Go's flags accept as a truth value.
fn is_bool(value: &str) -> bool {
    [
        "1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False",
    ]
    .contains(&value)
}

/// Reports whether a truth value says no. One without a value says yes.
pub fn is_false(value: &str) -> bool {
    ["0", "f", "F", "false", "FALSE", "False"].contains(&value)
}

/// Reports whether `juicefs format` takes the option.
pub fn is_format_option(name: &str) -> bool {
    FORMAT.contains(&name)
}

/// Reports whether `juicefs format` takes the option without a value.
pub fn is_format_flag(name: &str) -> bool {
    FORMAT_FLAGS.contains(&name)
}

fn reaches_mount(edition: Edition, name: &str) -> bool {
    match edition {
        _ if NOT_FOR_MOUNT.contains(&name) => false,
        Edition::Community => !is_format_option(name) || MOUNT.contains(&name),
        Edition::Enterprise => true,
    }
}

/// Returns the part of the Dataset's options that goes to `mount`.
pub fn for_mount(edition: Edition, options: &Options) -> Options {
    options
        .iter()
        .filter(|(name, _)| reaches_mount(edition, name))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

/// Returns the options as the argument of `-o`, sorted.
pub fn join(options: &Options) -> String {
    let one = |(name, value): (&String, &String)| {
        if value.is_empty() {
            name.clone()
        } else {
            format!("{name}={value}")
        }
    };
    options.iter().map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
