//! The directory of a plugin outside of this repository, and the package that is made of it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use wasser_pack::TooLarge;
use wasser_pack::oci::layout;

use crate::build::{self, Compilers};
use crate::scaffold;

/// A directory with `plugin.yaml`, `crd.yaml`, `chart` and `scenarios`.
pub struct Project {
    directory: PathBuf,
    name: String,
    compilers: Compilers,
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
            compilers: Compilers::default(),
        })
    }

    /// Builds with these compilers, which somebody may stop.
    #[must_use]
    pub fn with(self, compilers: Compilers) -> Self {
        Self { compilers, ..self }
    }

    /// Writes the SDK and the WIT of this version among the files of the project. Returns those that are
    /// others now.
    ///
    /// # Errors
    /// The project has no SDK among its files, or they cannot be written.
    pub fn update(&self) -> Result<Vec<PathBuf>> {
        scaffold::update(&self.directory)
    }

    /// Returns the files of the SDK and the WIT in the project that are not those of this version.
    pub fn stale(&self) -> Vec<PathBuf> {
        scaffold::stale(&self.directory)
    }

    /// Returns the directory of the scenarios.
    pub fn scenarios(&self) -> PathBuf {
        self.directory.join("scenarios")
    }

    /// Returns the file into which `pack` writes the artifact.
    pub fn artifact(&self) -> PathBuf {
        self.out().join(format!("{}.oci.tar", self.name))
    }

    /// Returns the directory of the package.
    fn out(&self) -> PathBuf {
        self.directory.join("target/plugin")
    }

    /// Returns whether its component holds an interpreter, so that no ConfigMap takes it.
    pub fn is_large(&self) -> bool {
        build::has_interpreter(&self.directory)
    }

    /// Packs the project with a module or component, or builds one, and writes component, chart, artifact and, if it
    /// takes them, ConfigMap into `target/plugin`.
    ///
    /// # Errors
    /// The project does not compile, or its parts do not fit together.
    pub fn pack(&self, code: Option<&Path>) -> Result<Packed> {
        let code = match code {
            Some(file) => fs::read(file).with_context(|| format!("reading {}", file.display()))?,
            None => build::code(&self.directory, &self.compilers)?,
        };
        let crds = wasser_pack::crd::in_directory(&self.directory)?;
        let crds = crds.with_context(|| format!("{} is missing", self.directory.join("crd.yaml").display()))?;
        let chart = self.directory.join("chart");
        let packed = wasser_pack::pack(&self.name, &code, &crds, &chart, &self.directory, "wasser plugin pack")
            .with_context(|| format!("packing {}", self.directory.display()))?;
        let out = self.out();
        fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
        let file = |name: String| out.join(name);
        let (config_map, artifact) = (file(format!("{}.yaml", self.name)), self.artifact());
        let chart = file(format!("{}-{}.tgz", self.name, packed.chart.version));
        let tar = layout::to_tar(&packed.artifact)?;
        // Those of an earlier build would be taken for this one, if it is interrupted.
        drop(fs::remove_file(&artifact));
        drop(fs::remove_file(&config_map));
        write(&file(format!("{}.wasm", self.name)), &packed.component)?;
        write(&chart, &packed.chart.bytes)?;
        let config_map = match packed.manifest {
            Ok(text) => write(&config_map, text.as_bytes()).map(|()| Ok(config_map))?,
            Err(too_large) => Err(too_large),
        };
        write(&artifact, &tar)?;
        let left_out = packed.chart.left_out.iter();
        Ok(Packed {
            left_out: left_out.map(|path| Path::new("chart").join(path)).collect(),
            digest: packed.artifact.digest(),
            artifact,
            config_map,
        })
    }
}

/// Writes a file, which is never there in part.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let writing = || format!("writing {}", path.display());
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    fs::write(&part, bytes).with_context(writing)?;
    fs::rename(&part, path).with_context(writing)
}

/// The files of a package.
#[derive(Debug)]
pub struct Packed {
    /// The artifact, for a registry.
    pub artifact: PathBuf,
    /// Its digest.
    pub digest: String,
    /// The ConfigMap, or why there is none.
    pub config_map: Result<PathBuf, TooLarge>,
    /// The files and directories of the chart that are not in it, relative to the project.
    pub left_out: Vec<PathBuf>,
}

impl Packed {
    /// Returns the file to go on with: the ConfigMap if there is one.
    pub fn file(&self) -> &Path {
        self.config_map.as_ref().unwrap_or(&self.artifact)
    }
}
