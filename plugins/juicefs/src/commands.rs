//! The commands of the start-up scripts.

use crate::edition::Edition;
use crate::input::Spec;
use crate::options::{self, Options};
use crate::shell;
use crate::source::Source;

/// Returns the command that prepares a pod for mounting; empty if nothing is to be done.
pub fn format(source: &Source, spec: &Spec) -> String {
    match source.edition {
        Edition::Community => community_format(source, spec),
        Edition::Enterprise if source.secrets.token_secret.is_empty() => String::new(),
        Edition::Enterprise => enterprise_auth(source, spec),
    }
}

/// Makes the file system unless it exists. Without both storage and bucket it must exist already:
/// it is left as it is, and the mount fails if there is none. `juicefs format` would make one in a
/// directory of the container.
fn community_format(source: &Source, spec: &Spec) -> String {
    if !source.may_be_made() {
        return String::new();
    }
    let secrets = &source.secrets;
    let mut words = vec![Edition::Community.cli().to_string(), "format".into()];
    words.extend(spec.configs.iter().flat_map(|item| config(item)));
    if !secrets.accesskey_secret.is_empty() {
        words.push(shell::option_from_env("access-key", "ACCESS_KEY"));
    }
    if !secrets.secretkey_secret.is_empty() {
        words.push(shell::option_from_env("secret-key", "SECRET_KEY"));
    }
    words.extend(source.storage.iter().map(|value| format_option("storage", value)));
    words.extend(source.bucket.iter().map(|value| format_option("bucket", value)));
    let rest = source
        .options
        .iter()
        .filter(|(name, _)| options::is_format_option(name) && *name != "storage" && *name != "bucket");
    words.extend(rest.map(|(name, value)| format_option(name, value)));
    words.extend(
        secrets
            .encrypt_env_options
            .iter()
            .map(|o| shell::option_from_env(&o.name, &o.env_name)),
    );
    words.extend([source.address(), shell::word(&source.name)]);
    words.join(" ")
}

/// Returns the command that shows a file system which [`format`] makes; empty if it makes none.
pub fn status(source: &Source) -> String {
    match source.edition {
        Edition::Community if source.may_be_made() => {
            format!("{} status {}", Edition::Community.cli(), source.address())
        }
        _ => String::new(),
    }
}

/// Lets the pod's client into the file system.
fn enterprise_auth(source: &Source, spec: &Spec) -> String {
    let secrets = &source.secrets;
    let mut words = vec![Edition::Enterprise.cli().to_string(), "auth".into()];
    words.extend(spec.configs.iter().flat_map(|item| config(item)));
    words.push(shell::option_from_env("token", "TOKEN"));
    if !secrets.accesskey_secret.is_empty() {
        words.push(shell::option_from_env("accesskey", "ACCESS_KEY"));
    }
    if !secrets.secretkey_secret.is_empty() {
        words.push(shell::option_from_env("secretkey", "SECRET_KEY"));
    }
    words.extend(source.bucket.iter().map(|value| assignment("bucket", value)));
    words.extend(source.options.get("bucket2").map(|value| assignment("bucket2", value)));
    let second = secrets
        .encrypt_env_options
        .iter()
        .filter(|o| o.name == "access-key2" || o.name == "secret-key2");
    words.extend(second.map(|o| shell::option_from_env(&o.name, &o.env_name)));
    words.push(shell::word(&source.name));
    words.join(" ")
}

/// Returns an item of `spec.configs`: `trash-days=0`, or an option and its value with a space
/// between.
fn config(item: &str) -> Vec<String> {
    let item = item.trim();
    match item.split_once(char::is_whitespace) {
        Some((name, value)) if !name.contains('=') => {
            vec![shell::word(&format!("--{name}")), shell::word(value.trim())]
        }
        _ => vec![shell::word(&format!("--{item}"))],
    }
}

/// Returns an option of `juicefs format`. One that needs a value keeps its `=`, or the next word
/// would become its value.
fn format_option(name: &str, value: &str) -> String {
    if value.is_empty() && options::is_format_flag(name) {
        shell::word(&format!("--{name}"))
    } else {
        assignment(name, value)
    }
}

fn assignment(name: &str, value: &str) -> String {
    shell::word(&format!("--{name}={value}"))
}

/// Returns the command that limits the mounted directory; `None` without a quota.
pub fn quota(source: &Source) -> Option<String> {
    let capacity = source.quota?;
    let directory = shell::word(&source.directory);
    Some(format!(
        "{} quota set {} --path {directory} --capacity {capacity}",
        source.edition.cli(),
        source.address()
    ))
}

/// Returns the command that mounts the file system and stays in the foreground.
pub fn mount(source: &Source, mount_path: &str, options: &Options) -> String {
    let (helper, path) = (source.edition.mount_helper(), shell::word(mount_path));
    format!(
        "exec {helper} {} {path} -o {}",
        source.address(),
        shell::word(&options::join(options))
    )
}
