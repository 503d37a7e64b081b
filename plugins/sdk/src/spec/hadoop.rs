//! The ConfigMap with settings of HDFS, which some runtimes name in `spec.hadoopConfig`.

use serde_json::{Value, json};

use crate::{Context, Error, Host, Result};

/// The settings of an HDFS.
const SITE: &str = "hdfs-site.xml";
/// Those of Hadoop.
const CORE: &str = "core-site.xml";

/// The ConfigMap of `spec.hadoopConfig`, with which of the files it has, as charts get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HadoopConfig(Value);

impl HadoopConfig {
    /// Looks at the ConfigMap that `name` names; `None` if the runtime names none. One that is
    /// installed is not read again, so that a change of it changes nothing by itself.
    ///
    /// # Errors
    /// There is no such ConfigMap, or it has neither `hdfs-site.xml` nor `core-site.xml`.
    pub fn of<S>(ctx: &Context<S>, name: &str, host: &impl Host) -> Result<Option<Self>> {
        let name = name.trim();
        if name.is_empty() {
            return Ok(None);
        }
        let field = format!("{}.spec.hadoopConfig", ctx.runtime.kind);
        let installed = ctx
            .installed
            .as_ref()
            .and_then(|installed| installed.get("hadoopConfig"));
        if let Some(installed) = installed.filter(|installed| installed.get("configMap").is_some_and(|map| map == name))
        {
            return Ok(Some(Self(installed.clone())));
        }
        let map = host.object("ConfigMap", name)?.ok_or_else(|| {
            Error::failed(format!(
                "{field}: the ConfigMap {name} does not exist in the namespace {}; create it",
                ctx.namespace
            ))
        })?;
        let has = |file: &str| map.get("data").is_some_and(|data| data.get(file).is_some());
        if !has(SITE) && !has(CORE) {
            let message = format!("the ConfigMap {name} has neither the key {SITE} nor {CORE}; add one");
            return Err(Error::failed(format!("{field}: {message}")));
        }
        Ok(Some(Self(
            json!({"configMap": name, "includeHdfsSite": has(SITE), "includeCoreSite": has(CORE)}),
        )))
    }

    /// The names of its files.
    pub fn files(&self) -> Vec<&'static str> {
        let files = [("includeHdfsSite", SITE), ("includeCoreSite", CORE)];
        let there = files
            .iter()
            .filter(|(key, _)| self.0.get(*key).is_some_and(|value| value == true));
        there.map(|(_, file)| *file).collect()
    }

    /// Returns it as a value of a chart: `configMap`, `includeHdfsSite`, `includeCoreSite`.
    pub fn into_value(self) -> Value {
        self.0
    }
}
