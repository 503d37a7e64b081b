//! The directory of a plugin outside of this repository, and the package that is made of it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::build;

/// A directory with `plugin.yaml`, `crd.yaml`, `chart` and `scenarios`.
pub struct Project {
    directory: PathBuf,
    name: String,
}

#[derive(Deserialize)]
struct PluginYaml {
    component: Source,
}

#[derive(Deserialize)]
struct Source {
    inline: Option<String>,
}

impl Project {
    /// Opens a project. Its name is that of the component in plugin.yaml.
    ///
    /// # Errors
    /// plugin.yaml cannot be read.
    pub fn open(directory: &Path) -> Result<Self> {
        let file = directory.join("plugin.yaml");
        let text = fs::read_to_string(&file)
            .with_context(|| format!("reading {}; give the directory of a plugin", file.display()))?;
        let yaml: PluginYaml = yaml_serde::from_str(&text).with_context(|| file.display().to_string())?;
        let name = yaml
            .component
            .inline
            .as_deref()
            .and_then(|key| key.strip_suffix(".wasm"));
        let Some(name) = name else {
            bail!("{}: `component` must be `{{inline: NAME.wasm}}`", file.display());
        };
        Ok(Self {
            directory: directory.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Returns the directory of the scenarios.
    pub fn scenarios(&self) -> PathBuf {
        self.directory.join("scenarios")
    }

    /// Returns the package, which [`Self::pack`] writes.
    pub fn package(&self) -> PathBuf {
        self.directory.join("target/plugin").join(format!("{}.yaml", self.name))
    }

    /// Packs the project with a module, or builds one, and writes component, chart and ConfigMap into
    /// `target/plugin`. Returns the file of the ConfigMap.
    ///
    /// # Errors
    /// The project does not compile, or its parts do not fit together.
    pub fn pack(&self, module: Option<&Path>) -> Result<PathBuf> {
        let module = match module {
            Some(file) => fs::read(file).with_context(|| format!("reading {}", file.display()))?,
            None => build::module(&self.directory)?,
        };
        let crds = wasser_pack::crd::in_directory(&self.directory)?;
        let crds = crds.with_context(|| format!("{} is missing", self.directory.join("crd.yaml").display()))?;
        let chart = self.directory.join("chart");
        let packed = wasser_pack::pack(
            &self.name,
            &module,
            &crds,
            &chart,
            &self.directory,
            "wasser plugin pack",
        )
        .with_context(|| format!("packing {}", self.directory.display()))?;
        let manifest = self.package();
        let out = self.directory.join("target/plugin");
        fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
        for (path, bytes) in [
            (out.join(format!("{}.wasm", self.name)), packed.component.as_slice()),
            (
                out.join(format!("{}-{}.tgz", self.name, packed.chart.version)),
                &packed.chart.bytes,
            ),
            (manifest.clone(), packed.manifest.as_bytes()),
        ] {
            fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(manifest)
    }
}
