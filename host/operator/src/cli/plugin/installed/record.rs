//! What is kept on a registration about its revisions, so that going back needs no registry.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use wasser_plugin::{PLUGIN_KEY, PLUGIN_LABEL, Registration, Source, Verdict};

use super::error::ChangeError;
use super::revision::{Revision, inline};
use super::room::crowded;

/// Who writes the registrations of these commands.
pub const MANAGER: &str = "wasser-plugin";
/// The label with the tool that an object belongs to.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The annotation with the version of the plugin.
pub const VERSION: &str = "wasser.fluid.io/plugin-version";
/// The annotation with the revisions, as JSON, oldest first.
const HISTORY: &str = "wasser.fluid.io/history";

/// How many revisions are kept before the current one.
const KEPT: usize = 10;
/// How many bytes all of them may have. All annotations of an object have at most 256 KiB.
const MOST: usize = 128 << 10;

/// The revisions of a registration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// All of them, of which the last one is on the ConfigMap now.
    revisions: Vec<Revision>,
    /// The number of the last one that a command wrote.
    written: Option<u32>,
}

impl Record {
    /// Reads the revisions of a registration. What somebody else has written since is one as well.
    ///
    /// # Errors
    /// They are not readable.
    pub fn of(map: &ConfigMap) -> Result<Self, ChangeError> {
        let mut revisions: Vec<Revision> = match map.annotations().get(HISTORY) {
            None => Vec::new(),
            Some(text) => serde_json::from_str(text).map_err(|error| ChangeError::History {
                annotation: HISTORY,
                name: map.name_any(),
                reason: error.to_string(),
            })?,
        };
        let last = revisions.last().cloned();
        let text = text(map);
        if last.as_ref().is_none_or(|last| last.plugin != text) {
            let reference = source(map);
            let same = last.as_ref().filter(|last| last.reference == reference);
            revisions.push(Revision {
                revision: last.as_ref().map_or(1, |last| last.revision.saturating_add(1)),
                version: same.map(|last| last.version.clone()).unwrap_or_default(),
                asked: same.map(|last| last.asked.clone()).unwrap_or_default(),
                is_dev: same.is_some_and(|last| last.is_dev),
                plugin: text,
                reference,
            });
        }
        Ok(Self {
            revisions,
            written: last.map(|last| last.revision),
        })
    }

    /// Returns all revisions, oldest first.
    pub fn all(&self) -> impl Iterator<Item = &Revision> {
        self.revisions.iter()
    }

    /// Returns the revision that is on the ConfigMap now.
    pub fn current(&self) -> Option<&Revision> {
        self.revisions.last()
    }

    /// Returns the last revision as a command wrote it, before others changed it.
    pub fn written(&self) -> Option<&Revision> {
        self.revisions.iter().find(|found| Some(found.revision) == self.written)
    }

    /// Returns the revision of this number, or the one before the current one.
    ///
    /// # Errors
    /// There is none.
    pub fn earlier(&self, name: &str, number: Option<u32>) -> Result<&Revision, ChangeError> {
        let earlier = self.revisions.split_last().map_or(&[][..], |(_, earlier)| earlier);
        let found = match number {
            Some(number) => earlier.iter().find(|found| found.revision == number),
            None => earlier.last(),
        };
        found.ok_or_else(|| ChangeError::NoRevision {
            name: name.to_owned(),
            wanted: number.map_or_else(|| "before this one".to_owned(), |number| number.to_string()),
            there: match earlier {
                [] => "no earlier one is kept".to_owned(),
                earlier => {
                    let each = |found: &Revision| format!("{} ({})", found.revision, found.shown());
                    let there: Vec<String> = earlier.iter().map(each).collect();
                    format!("there are {}", there.join(", "))
                }
            },
        })
    }

    /// Adds a revision, and returns its number. The oldest ones are forgotten, and so is the build of
    /// which it takes the place.
    pub fn push(&mut self, next: Revision) -> u32 {
        let number = self.next();
        self.add(number, next);
        number
    }

    /// Adds a revision with these parts in the ConfigMap. Those whose components have to make room for
    /// them are forgotten; returns the last one.
    pub fn push_with(
        &mut self,
        next: Revision,
        map: &ConfigMap,
        parts: &BTreeMap<String, ByteString>,
    ) -> Option<Revision> {
        let number = self.next();
        let lost = crowded(&self.revisions, map, &next, parts).cloned();
        if lost.is_some() {
            self.revisions.retain(|one| !one.is_inline());
        }
        self.add(number, next);
        lost
    }

    /// Returns the number of the next revision.
    fn next(&self) -> u32 {
        self.current().map_or(1, |last| last.revision.saturating_add(1))
    }

    fn add(&mut self, number: u32, mut next: Revision) {
        if next.is_dev {
            self.revisions.retain(|one| !one.is_dev);
        }
        next.revision = number;
        self.revisions.push(next);
        let bytes = |all: &[Revision]| all.iter().map(|one| one.plugin.len()).sum::<usize>();
        while self.revisions.len() > KEPT + 1 || (self.revisions.len() > 1 && bytes(&self.revisions) > MOST) {
            self.revisions.remove(0);
        }
    }

    /// Writes the last revision onto a ConfigMap, and all of them into its annotation. The verdict on
    /// the one before goes, so that the next one is about this revision. Data that no revision names
    /// goes as well.
    pub fn write(&self, map: &mut ConfigMap) {
        let Some(current) = self.current() else { return };
        let data = map.data.get_or_insert_default();
        data.insert(PLUGIN_KEY.to_owned(), current.plugin.clone());
        if let Some(binaries) = &mut map.binary_data {
            binaries.retain(|key, _| self.revisions.iter().any(|one| one.plugin.contains(key.as_str())));
        }
        let labels = map.labels_mut();
        labels.insert(PLUGIN_LABEL.to_owned(), "true".to_owned());
        labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
        let annotations = map.annotations_mut();
        for key in Verdict::annotation_keys() {
            annotations.remove(&key);
        }
        annotations.insert(VERSION.to_owned(), current.version.clone());
        let history = serde_json::to_string(&self.revisions).unwrap_or_default();
        annotations.insert(HISTORY.to_owned(), history);
    }
}

/// Returns plugin.yaml.
pub fn text(map: &ConfigMap) -> String {
    let text = map.data.as_ref().and_then(|data| data.get(PLUGIN_KEY));
    text.cloned().unwrap_or_default()
}

/// Returns where the component of a registration comes from.
pub fn source(map: &ConfigMap) -> String {
    match Registration::parse(map).map(|registration| registration.component) {
        Ok(Source::Oci(reference)) => reference,
        Ok(Source::Path(path)) => format!("path {path}"),
        Ok(Source::Inline { key, .. }) => inline(&key),
        Err(_) => "unreadable".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plugin(tag: u32) -> String {
        let reference = format!("example.com/demo@sha256:{tag}");
        format!(
            "runtime: DemoRuntime\ncomponent: {{oci: \"{reference}\"}}\nchart: {{oci: \"{reference}\"}}\n\
             digest: sha256:{}\n",
            "0".repeat(64)
        )
    }

    fn map(plugin: &str) -> ConfigMap {
        let map = json!({"metadata": {"name": "demo", "namespace": "system"}, "data": {"plugin.yaml": plugin}});
        serde_json::from_value(map).unwrap()
    }

    fn revision(tag: u32) -> Revision {
        Revision {
            revision: 0,
            version: format!("0.{tag}.0"),
            reference: format!("example.com/demo@sha256:{tag}"),
            asked: BTreeMap::from([("fuse".to_owned(), json!(true))]),
            plugin: plugin(tag),
            is_dev: false,
        }
    }

    fn numbers(record: &Record) -> Vec<u32> {
        record.revisions.iter().map(|one| one.revision).collect()
    }

    #[test]
    fn revisions_are_read_as_they_were_written() {
        let (mut record, mut map) = (Record::default(), map(""));
        assert_eq!((record.push(revision(1)), record.push(revision(2))), (1, 2));
        map.annotations_mut()
            .insert("wasser.fluid.io/verdict".to_owned(), "loaded".to_owned());
        record.write(&mut map);
        assert_eq!(text(&map), plugin(2));
        assert_eq!(map.annotations()[VERSION], "0.2.0");
        assert!(!map.annotations().contains_key("wasser.fluid.io/verdict"));
        let read = Record::of(&map).unwrap();
        assert_eq!(read.revisions, record.revisions);
        assert_eq!(read.written(), read.current());
        assert!(read.current().unwrap().asked().fuse);
        assert_eq!(read.earlier("demo", None).unwrap().revision, 1);
        let missing = read.earlier("demo", Some(2)).unwrap_err().to_string();
        assert!(
            missing.contains("no revision 2; there are 1 (0.1.0, example.com/demo@sha256:1)"),
            "{missing}"
        );
    }

    #[test]
    fn what_others_have_written_is_a_revision_too() {
        let (mut record, mut map) = (Record::default(), map(""));
        record.push(revision(1));
        record.write(&mut map);
        let edited = format!("{}limits: {{memory: 64Mi}}\n", plugin(1));
        map.data
            .get_or_insert_default()
            .insert(PLUGIN_KEY.to_owned(), edited.clone());
        let read = Record::of(&map).unwrap();
        assert_eq!(numbers(&read), [1, 2]);
        let current = read.current().unwrap();
        assert_eq!((current.version.as_str(), &current.plugin), ("0.1.0", &edited));
        assert_eq!(read.written().unwrap().plugin, plugin(1));

        let by_hand = Record::of(&self::map(&plugin(7))).unwrap();
        let current = by_hand.current().unwrap();
        assert_eq!((current.revision, current.version.as_str()), (1, ""));
        assert_eq!(current.reference, "example.com/demo@sha256:7");
        assert_eq!(by_hand.written(), None);
        let none = by_hand.earlier("demo", None).unwrap_err().to_string();
        assert!(
            none.contains("no revision before this one; no earlier one is kept"),
            "{none}"
        );
    }

    #[test]
    fn a_few_revisions_are_kept() {
        let mut record = Record::default();
        for tag in 1..=15 {
            record.push(revision(tag));
        }
        assert_eq!(numbers(&record), (5..=15).collect::<Vec<_>>());
        let mut large = revision(16);
        large.plugin = "#".repeat(MOST);
        record.push(large);
        assert_eq!(numbers(&record), [16], "annotations have a limit");
    }

    #[test]
    fn parts_stay_as_long_as_a_revision_names_them() {
        let mut map = map("runtime: A\ncomponent: {inline: a.wasm}\n");
        let bytes = || k8s_openapi::ByteString(vec![1]);
        map.binary_data = Some(BTreeMap::from([
            ("a.wasm".to_owned(), bytes()),
            ("b.wasm".to_owned(), bytes()),
        ]));
        let mut record = Record::of(&map).unwrap();
        record.push(revision(1));
        record.write(&mut map);
        let keys: Vec<&String> = map.binary_data.iter().flat_map(|all| all.keys()).collect();
        assert_eq!(keys, ["a.wasm"]);
    }

    #[test]
    fn a_build_of_its_author_takes_the_place_of_the_one_before() {
        let build = |tag, reference: &str| Revision {
            reference: reference.to_owned(),
            is_dev: true,
            ..revision(tag)
        };
        let (mut record, pushed) = (Record::default(), "example.com/demo:dev@sha256:2");
        let tags = |record: &Record| -> Vec<String> { record.all().map(|one| one.version.clone()).collect() };
        record.push(revision(1));
        record.push(Revision {
            reference: inline("demo.wasm"),
            plugin: "component: {inline: demo.wasm}\n".to_owned(),
            ..revision(2)
        });
        record.push(build(3, pushed));
        record.push(build(4, pushed));
        assert_eq!(tags(&record), ["0.1.0", "0.2.0", "0.4.0"]);
        let large = |key: &str| BTreeMap::from([(key.to_owned(), ByteString(vec![0; 600 << 10]))]);
        let mut there = self::map("");
        there.binary_data = Some(large("demo.wasm"));
        let next = build(5, &inline("component.wasm"));
        let lost = record.push_with(next, &there, &large("component.wasm"));
        assert_eq!(lost.unwrap().version, "0.2.0");
        assert_eq!(tags(&record), ["0.1.0", "0.5.0"]);
        assert_eq!(record.earlier("demo", None).unwrap().revision, 1);
        assert_eq!(numbers(&record), [1, 5], "a number means one revision");
        record.push(revision(6));
        assert_eq!(tags(&record), ["0.1.0", "0.5.0", "0.6.0"]);

        // What is changed by hand of a build of its author is one too.
        let mut map = map("");
        record.push(build(7, "example.com/demo@sha256:7"));
        record.write(&mut map);
        let edited = format!("{}limits: {{memory: 64Mi}}\n", plugin(7));
        map.data.get_or_insert_default().insert(PLUGIN_KEY.to_owned(), edited);
        assert!(Record::of(&map).unwrap().current().unwrap().is_dev);
    }

    #[test]
    fn a_history_that_is_not_readable_is_not_thrown_away() {
        let mut map = map(&plugin(1));
        map.annotations_mut().insert(HISTORY.to_owned(), "{".to_owned());
        let refused = Record::of(&map).unwrap_err().to_string();
        assert!(
            refused.contains("wasser.fluid.io/history") && refused.contains("demo"),
            "{refused}"
        );
    }
}
