//! `wasser plugin new`: the files of a new plugin.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use wasser_author::{Sdk, create};

/// What to write.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of the plugin: `my-cache` serves MyCacheRuntime.
    name: String,
    /// The language to write it in.
    #[arg(long, value_enum, default_value = "rust")]
    lang: Language,
    /// Where the SDK is: the directory plugins/sdk of a checkout of Wasser, or the address of its
    /// repository, of which the tag of this version is taken.
    #[arg(long, value_name = "PATH|URL", env = "WASSER_SDK")]
    sdk: Option<String>,
    /// The directory in which to make that of the plugin.
    #[arg(long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Language {
    Rust,
}

impl Args {
    /// Writes the files, and says what to do next.
    pub fn run(&self) -> Result<ExitCode> {
        let Language::Rust = self.lang;
        let built_in = Some(env!("CARGO_PKG_REPOSITORY")).filter(|url| !url.is_empty());
        let Some(sdk) = self.sdk.as_deref().or(built_in) else {
            bail!(
                "where is the SDK? Give `--sdk` the directory plugins/sdk of a checkout of Wasser, or the address of \
                 its repository"
            );
        };
        let directory = create(&self.directory, &self.name, &Sdk::parse(sdk)?)?;
        crate::cli::print(&format!(
            "{0} is a plugin. Next:\n  cd {0}\n  cargo test\n  wasser plugin test\n  wasser plugin check \
             target/plugin/{1}.yaml -f demo.yaml\n",
            directory.display(),
            self.name
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
