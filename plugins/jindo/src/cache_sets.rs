//! How a data source is cached: options of its mount.

use serde_json::{Value, json};
use wasser_sdk::{Error, Result};

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
