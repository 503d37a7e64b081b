//! `wasser plugin new`: the files of a new plugin.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use wasser_api::shell::word;
use wasser_author::{Sdk, create};

/// What to write.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of the plugin: `my-cache` serves MyCacheRuntime.
    name: String,
    /// The language to write it in.
    #[arg(long, value_enum, default_value = "rust")]
    lang: Language,
    /// Where the SDK for Rust is: the directory plugins/sdk of a checkout of Wasser, or the address of
    /// its repository, of which the tag of this version is taken. Other languages need none.
    #[arg(long, value_name = "PATH|URL", env = "WASSER_SDK")]
    sdk: Option<String>,
    /// The directory in which to make that of the plugin.
    #[arg(long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Language {
    /// Compiled by cargo: some 300 KiB, which a ConfigMap takes.
    Rust,
    /// Compiled by componentize-py: 18 MB, which only a registry takes.
    Python,
    /// Compiled by componentize-js: 13 MB, which only a registry takes.
    #[value(name = "js", alias = "javascript")]
    JavaScript,
}

impl Args {
    /// Writes the files, and says what to do next.
    pub fn run(&self) -> Result<ExitCode> {
        let language = match self.lang {
            Language::Rust => wasser_author::Language::Rust(self.sdk()?),
            Language::Python => wasser_author::Language::Python,
            Language::JavaScript => wasser_author::Language::JavaScript,
        };
        let directory = create(&self.directory, &self.name, &language)?;
        let (first, package) = match self.lang {
            Language::Rust => ("cargo test", "yaml"),
            Language::Python => (
                "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt\n  python3 -m unittest",
                "oci.tar",
            ),
            Language::JavaScript => ("npm install\n  npm test", "oci.tar"),
        };
        let directory = directory.strip_prefix(".").unwrap_or(&directory).display().to_string();
        crate::cli::print(&format!(
            "{directory} is a plugin. Next:\n  cd {}\n  {first}\n  wasser plugin test\n  wasser plugin check \
             target/plugin/{}.{package} -f demo.yaml\n",
            word(&directory),
            self.name
        ))?;
        Ok(ExitCode::SUCCESS)
    }

    fn sdk(&self) -> Result<Sdk> {
        let built_in = Some(env!("CARGO_PKG_REPOSITORY")).filter(|url| !url.is_empty());
        let Some(sdk) = self.sdk.as_deref().or(built_in) else {
            bail!(
                "where is the SDK? Give `--sdk` the directory plugins/sdk of a checkout of Wasser, or the address of \
                 its repository"
            );
        };
        Sdk::parse(sdk)
    }
}
