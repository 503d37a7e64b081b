//! Whether a ConfigMap has room for a build beside the components that it has already.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use wasser_plugin::PLUGIN_KEY;

use super::revision::Revision;

/// Returns the last of these revisions whose component has to make room in the ConfigMap for the parts of
/// `next`, if one has: what is there and what comes is larger than the API server takes, or has the same
/// keys.
pub fn crowded<'a>(
    revisions: &'a [Revision],
    map: &ConfigMap,
    next: &Revision,
    parts: &BTreeMap<String, ByteString>,
) -> Option<&'a Revision> {
    // The builds before this one go in any case.
    let inline = move || revisions.iter().filter(|one| one.is_inline() && !one.is_dev);
    let last = inline().next_back().filter(|_| !parts.is_empty())?;
    let is_named = |key: &String| inline().any(|one| one.plugin.contains(key.as_str()));
    let kept = map.binary_data.iter().flatten().filter(|(key, _)| is_named(key));
    let texts = map.data.iter().flatten().filter(|(key, _)| *key != PLUGIN_KEY);
    let sizes: Vec<usize> = std::iter::once(next.plugin.len())
        .chain(texts.map(|(_, text)| text.len()))
        .chain(kept.map(|(_, bytes)| bytes.0.len()))
        .chain(parts.values().map(|bytes| bytes.0.len()))
        .collect();
    let is_full = parts.keys().any(is_named) || wasser_pack::fits(&sizes).is_err();
    is_full.then_some(last)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::cli::plugin::installed::revision::inline;

    fn revision(key: &str, is_dev: bool) -> Revision {
        Revision {
            plugin: format!("component: {{inline: {key}}}\n"),
            reference: inline(key),
            is_dev,
            ..Revision::default()
        }
    }

    fn parts(key: &str, bytes: usize) -> BTreeMap<String, ByteString> {
        BTreeMap::from([(key.to_owned(), ByteString(vec![0; bytes]))])
    }

    #[rstest]
    #[case::both_fit("demo.wasm", 300 << 10, 300 << 10, false)]
    #[case::both_are_too_large("demo.wasm", 600 << 10, 600 << 10, true)]
    #[case::the_same_key("component.wasm", 1, 1, true)]
    fn a_component_makes_room_for_a_build_if_both_do_not_fit(
        #[case] key: &str,
        #[case] there: usize,
        #[case] comes: usize,
        #[case] is_full: bool,
    ) {
        let map = ConfigMap {
            binary_data: Some(parts(key, there)),
            ..ConfigMap::default()
        };
        let (revisions, next) = ([revision(key, false)], revision("component.wasm", true));
        let found = crowded(&revisions, &map, &next, &parts("component.wasm", comes));
        assert_eq!(found, is_full.then_some(&revisions[0]));
        assert_eq!(
            crowded(&revisions, &map, &next, &BTreeMap::new()),
            None,
            "it is in a registry"
        );
        let builds = [revision(key, true)];
        assert_eq!(
            crowded(&builds, &map, &next, &parts("component.wasm", comes)),
            None,
            "nobody goes back to a build"
        );
    }
}
