//! Environment variables of the client.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasser_sdk::spec::named;

/// Returns the variables of the merged component, each name once, and then those for the client.
pub fn of_fuse(env: &[Value], target_path: &str, options: &BTreeMap<String, String>, read_only: bool) -> Vec<Value> {
    let own = [
        json!({"name": "MOUNT_POINT", "value": target_path}),
        json!({"name": "MOUNT_OPTIONS", "value": mount_options(options, read_only)}),
    ];
    let set_later = [
        "MOUNT_POINT",
        "MOUNT_OPTIONS",
        "FLUID_RUNTIME_TYPE",
        "FLUID_RUNTIME_NS",
        "FLUID_RUNTIME_NAME",
    ];
    let theirs = named(env, &[], "name");
    let theirs = theirs.into_iter().filter(|variable| {
        !variable
            .get("name")
            .is_some_and(|name| set_later.iter().any(|own| name == own))
    });
    theirs.chain(own).collect()
}

/// Returns the options as `mount -o` takes them: `a=1,b,ro`.
fn mount_options(options: &BTreeMap<String, String>, read_only: bool) -> String {
    let mut words: Vec<String> = options
        .iter()
        .map(|(key, value)| {
            if value.is_empty() {
                key.clone()
            } else {
                format!("{key}={value}")
            }
        })
        .collect();
    if read_only && !options.contains_key("ro") {
        words.push("ro".into());
    }
    words.join(",")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case::none(&[], false, "")]
    #[case::read_only(&[], true, "ro")]
    #[case::both(&[("b", ""), ("a", "1")], true, "a=1,b,ro")]
    #[case::once(&[("ro", "")], true, "ro")]
    fn options_are_as_mount_takes_them(#[case] options: &[(&str, &str)], #[case] read_only: bool, #[case] text: &str) {
        let options = options
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        assert_eq!(super::mount_options(&options, read_only), text);
    }
}
