//! Hostile contexts of which the Dataset or the host's own facts are odd.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::case::Case;
use super::values::{MANY, odd_map, shown, texts};
use crate::manifest::Pair;
use crate::scenario::{Counts, Scenario};

/// Returns contexts with an odd Dataset.
pub fn of_dataset(base: &Pair) -> Vec<Case> {
    let mount = base
        .dataset
        .as_ref()
        .and_then(|dataset| dataset.pointer("/spec/mounts/0").cloned());
    let mount = mount.unwrap_or_else(|| json!({"mountPoint": "s3://bucket", "name": "data"}));
    let mut cases = Vec::new();
    let mut with = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut pair = base.clone();
        if let Some(dataset) = &mut pair.dataset {
            change(dataset);
        }
        cases.push(Case {
            name: format!("a Dataset {name}"),
            pair,
            file: String::new(),
        });
    };
    let spec = |spec: Value| move |dataset: &mut Value| dataset["spec"] = spec.clone();
    let mounted = |change: &dyn Fn(&mut Value)| {
        let mut mount = mount.clone();
        change(&mut mount);
        json!({"mounts": [mount]})
    };
    with("with an empty spec", &spec(json!({})));
    with("without a spec", &|dataset| {
        drop(dataset.as_object_mut().map(|fields| fields.remove("spec")))
    });
    with("without mounts", &spec(json!({"mounts": []})));
    with("with a mount of nothing", &spec(json!({"mounts": [{}]})));
    with(
        "with the same mount many times",
        &spec(json!({"mounts": vec![mount.clone(); MANY]})),
    );
    for (at, text) in texts().into_iter().enumerate() {
        let to = text.clone();
        with(
            &format!("with the mount point {}", shown(&json!(text))),
            &spec(mounted(&|mount| mount["mountPoint"] = json!(to))),
        );
        let field = if at % 2 == 0 { "name" } else { "path" };
        with(
            &format!("with the {field} {} of a mount", shown(&json!(text))),
            &spec(mounted(&|mount| mount[field] = json!(to))),
        );
    }
    with(
        "with odd options",
        &spec(mounted(&|mount| mount["options"] = odd_map())),
    );
    let secret = |name: &str| json!([{"name": name, "valueFrom": {"secretKeyRef": {"name": "", "key": ""}}}]);
    with(
        "with encrypted options without a Secret",
        &spec(mounted(&|mount| mount["encryptOptions"] = secret("key"))),
    );
    with(
        "with encrypted options without names",
        &spec(mounted(&|mount| mount["encryptOptions"] = secret(""))),
    );
    let more = |key: &str, value: Value| {
        let mut spec = base
            .dataset
            .as_ref()
            .map(|dataset| dataset["spec"].clone())
            .unwrap_or_default();
        spec[key] = value;
        move |dataset: &mut Value| dataset["spec"] = spec.clone()
    };
    with("with odd shared options", &more("sharedOptions", odd_map()));
    with(
        "with an owner of odd numbers",
        &more("owner", json!({"uid": -1, "gid": i64::MAX, "user": "", "group": "ü"})),
    );
    with(
        "with odd access modes",
        &more("accessModes", json!(["", "ReadWriteEverything"])),
    );
    with(
        "with an odd node affinity",
        &more("nodeAffinity", json!({"required": {"nodeSelectorTerms": [{}]}})),
    );
    cases
}

/// Returns contexts with odd facts of the host.
pub fn of_host(base: &Pair) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut with = |name: &str, change: &dyn Fn(&mut Scenario)| {
        let mut pair = base.clone();
        change(&mut pair.scenario);
        cases.push(Case {
            name: name.to_owned(),
            pair,
            file: String::new(),
        });
    };
    let map = |pairs: Vec<(String, String)>| pairs.into_iter().collect::<BTreeMap<_, _>>();
    with("no images", &|scenario| scenario.images = Some(BTreeMap::new()));
    with("images that are no images", &|scenario| {
        let odd = ["master", "worker", "fuse"].map(|role| (role.to_owned(), ":@/ ü".to_owned()));
        scenario.images = Some(map(odd.to_vec()));
    });
    with("odd settings", &|scenario| {
        scenario.settings = Some(map(texts().into_iter().zip(texts()).collect()))
    });
    with("roles that nobody described", &|scenario| {
        let counts = Counts {
            desired: u32::MAX,
            ready: u32::MAX,
        };
        scenario.roles = [("".to_owned(), counts), ("other".to_owned(), counts)].into();
    });
    with("more ready pods than there should be", &|scenario| {
        let counts = Counts {
            desired: 0,
            ready: u32::MAX,
        };
        scenario.roles = ["master", "worker", "fuse"]
            .map(|role| (role.to_owned(), counts))
            .into();
    });
    with("the time 0", &|scenario| scenario.now = Some(0));
    with("the last time", &|scenario| scenario.now = Some(u64::MAX));
    with("installed values of nothing", &|scenario| {
        scenario.installed = Some(json!({}))
    });
    with("installed values of somebody else", &|scenario| {
        let mut values = odd_map();
        values["fuse"] = json!("no object");
        values["worker"] = json!([]);
        values["master"] = json!(-1);
        scenario.installed = Some(values);
    });
    cases
}
