//! How a data source is cached: options of its mount.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasser_sdk::{Error, Mount, Result};

use crate::input::Texts;

/// The options that describe a cache set, and not the data source.
const OPTIONS: &[&str] = &[
    "cacheStrategy",
    "metaPolicy",
    "readPolicy",
    "writePolicy",
    "readCacheReplica",
    "writeCacheReplica",
];

/// Reports whether an option of a mount describes its cache set.
pub fn is_option(name: &str) -> bool {
    OPTIONS.contains(&name)
}

/// Returns the cache set of the data source `path`, whose mount has these options at `field`. What
/// is not known of strategies and of policies for writing means the usual one.
pub fn of(name: &str, path: &str, options: &Texts, field: &str) -> Result<Value> {
    let option = |name: &str| options.get(name).map(String::as_str).unwrap_or_default();
    let wrong = |name: &str, message: &str| Err(Error::invalid(format!("{field}.options.{name}"), message));
    let meta = match option("metaPolicy") {
        "" | "ONCE" => "ONCE",
        "ALWAYS" => "ALWAYS",
        _ => return wrong("metaPolicy", "is neither ONCE nor ALWAYS"),
    };
    let strategy = match option("cacheStrategy") {
        "DHT" if meta != "ONCE" => return wrong("cacheStrategy", "is DHT, which needs the metaPolicy ONCE"),
        "DHT" => "DHT",
        _ => "DISTRIBUTED",
    };
    let write = match option("writePolicy") {
        "CACHE_ONLY" if meta != "ONCE" => {
            return wrong("writePolicy", "is CACHE_ONLY, which needs the metaPolicy ONCE");
        }
        known @ ("CACHE_ONLY" | "WRITE_THROUGH") => known,
        _ => "WRITE_AROUND",
    };
    let replicas = |name: &str| match option(name) {
        "" => Ok(1),
        text => text.parse::<u32>().map_err(|_| {
            let field = format!("{field}.options.{name}");
            Error::invalid(field, "is not a number of copies; write for instance \"2\"")
        }),
    };
    Ok(json!({
        "name": name, "path": path, "cacheStrategy": strategy, "metaPolicy": meta, "readPolicy": "CACHE_ASIDE",
        "writePolicy": write, "readCacheReplica": replicas("readCacheReplica")?,
        "writeCacheReplica": replicas("writeCacheReplica")?,
    }))
}

/// Returns the file of cache sets, as the chart writes it: what a pod has of it is as old as the
/// pod.
pub fn file(sets: &BTreeMap<String, Value>) -> String {
    let set = |set: &Value| {
        let field = |name: &str| match set.get(name) {
            Some(Value::String(text)) => escaped(text),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        format!(
            "  <cacheset>\n    <name>{}</name>\n    <path>{}</path>\n    <cacheStrategy>{}</cacheStrategy>\n    \
             <metaPolicy><type>{}</type></metaPolicy>\n    <readPolicy>{}</readPolicy>\n    \
             <readCacheReplica>{}</readCacheReplica>\n    <writePolicy>{}</writePolicy>\n    \
             <writeCacheReplica>{}</writeCacheReplica>\n  </cacheset>\n",
            field("name"),
            field("path"),
            field("cacheStrategy"),
            field("metaPolicy"),
            field("readPolicy"),
            field("readCacheReplica"),
            field("writePolicy"),
            field("writeCacheReplica"),
        )
    };
    let sets: String = sets.values().map(set).collect();
    format!("<?xml version=\"1.0\"?>\n<cachesets>\n{sets}</cachesets>\n")
}

fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&#34;".to_owned(),
        '\'' => "&#39;".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(escape).collect()
}

/// Reports whether two mounts of a place describe the same cache set.
pub fn same(old: &Mount, new: &Mount) -> bool {
    let of = |mount: &Mount| {
        let options = mount.options.iter().filter(|(name, _)| is_option(name));
        let options = options.map(|(name, value)| (name.clone(), value.clone()));
        (mount.name.clone(), options.collect::<Texts>())
    };
    of(old) == of(new)
}
