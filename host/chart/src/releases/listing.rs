//! Lists of records: whoever may write them can write any number, of a mebibyte each.

use std::fmt;

use kube::Api;
use kube::api::ListParams;
use serde::de::DeserializeOwned;

use super::entry::Entry;

/// Records of one answer. A release has ten.
const PAGE: u32 = 16;

/// Lists records page by page, oldest first, with the texts that are read of them.
pub async fn listed<K>(
    api: &Api<K>,
    selector: ListParams,
    read: impl Fn(K) -> Option<Entry>,
) -> Result<Vec<Entry>, kube::Error>
where
    K: Clone + DeserializeOwned + fmt::Debug,
{
    let mut entries = Vec::new();
    let mut params = selector.limit(PAGE);
    loop {
        let page = api.list(&params).await?;
        entries.extend(page.items.into_iter().filter_map(&read));
        let_go(&mut entries);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    entries.sort_by_key(|entry| entry.revision);
    Ok(entries)
}

/// Lets go of the texts that nobody reads: a release is what its newest record says, or its newest
/// that is deployed.
fn let_go(entries: &mut [Entry]) {
    let newest = |entries: &[Entry], counts: fn(&Entry) -> bool| {
        entries
            .iter()
            .filter(|entry| counts(entry))
            .map(|entry| entry.revision)
            .max()
    };
    let read = [newest(entries, |_| true), newest(entries, Entry::is_deployed)];
    for entry in entries {
        if !read.contains(&Some(entry.revision)) {
            entry.text = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::api::ObjectMeta;
    use serde_json::json;

    use super::super::entry::Driver;
    use super::*;

    #[test]
    fn the_texts_of_the_newest_and_of_the_newest_deployed_are_kept() {
        let entry = |revision: u32, status: &str| {
            let metadata =
                json!({"name": format!("sh.helm.release.v1.demo.v{revision}"), "labels": {"status": status}});
            let metadata: ObjectMeta = serde_json::from_value(metadata).unwrap();
            Entry::of(Driver::Secret, "demo", metadata, Some(vec![b'a'])).unwrap()
        };
        let mut entries = [
            entry(12, "failed"),
            entry(2, "deployed"),
            entry(10, "deployed"),
            entry(9, "superseded"),
        ];
        let_go(&mut entries);
        let kept: Vec<u32> = entries
            .iter()
            .filter(|entry| entry.text.is_some())
            .map(|entry| entry.revision)
            .collect();
        assert_eq!(kept, [12, 10]);
    }

    #[test]
    fn annotations_and_owners_of_any_length_are_not_kept() {
        let owners: Vec<_> = (0..1000)
            .map(|number| json!({"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": number.to_string()}))
            .collect();
        let long = "a".repeat(1000);
        let annotations = json!({"wasser.fluid.io/adopted": long, "wasser.fluid.io/signature": long});
        let metadata =
            json!({"name": "sh.helm.release.v1.demo.v1", "annotations": annotations, "ownerReferences": owners});
        let entry = Entry::of(Driver::Secret, "demo", serde_json::from_value(metadata).unwrap(), None).unwrap();
        assert_eq!((entry.note, entry.signature, entry.owners.len()), (None, None, 4));
    }
}
