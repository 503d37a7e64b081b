//! The ConfigMap with settings of HDFS.

use serde_json::{Value, json};
use wasser_sdk::{Context, Error, Host, Result};

use crate::input::Spec;

const FIELD: &str = "AlluxioRuntime.spec.hadoopConfig";
/// Where the pods have its files.
const DIRECTORY: &str = "/hdfs-config";
const SITE: &str = "hdfs-site.xml";
const CORE: &str = "core-site.xml";

/// Returns which of the files the ConfigMap has; `None` if the runtime does not name a ConfigMap.
/// Installed values are not read again.
pub fn of(ctx: &Context<Spec>, host: &impl Host) -> Result<Option<Value>> {
    let name = ctx.runtime.spec.hadoop_config.trim();
    if name.is_empty() {
        return Ok(None);
    }
    let installed = ctx
        .installed
        .as_ref()
        .and_then(|installed| installed.get("hadoopConfig"));
    if let Some(installed) = installed.filter(|installed| installed.get("configMap").is_some_and(|map| map == name)) {
        return Ok(Some(installed.clone()));
    }
    let map = host.object("ConfigMap", name)?.ok_or_else(|| {
        Error::failed(format!(
            "{FIELD}: the ConfigMap {name} does not exist in the namespace {}; create it",
            ctx.namespace
        ))
    })?;
    let has = |file: &str| map.get("data").is_some_and(|data| data.get(file).is_some());
    if !has(SITE) && !has(CORE) {
        let message = format!("the ConfigMap {name} has neither the key {SITE} nor {CORE}; add one");
        return Err(Error::failed(format!("{FIELD}: {message}")));
    }
    Ok(Some(
        json!({"configMap": name, "includeHdfsSite": has(SITE), "includeCoreSite": has(CORE)}),
    ))
}

/// Returns the property that names the files to Alluxio.
pub fn property(config: &Value) -> (&'static str, String) {
    let files = [("includeHdfsSite", SITE), ("includeCoreSite", CORE)];
    let there = files
        .iter()
        .filter(|(key, _)| config.get(*key).is_some_and(|value| value == true));
    let files: Vec<String> = there.map(|(_, file)| format!("{DIRECTORY}/{file}")).collect();
    ("alluxio.underfs.hdfs.configuration", files.join(":"))
}
