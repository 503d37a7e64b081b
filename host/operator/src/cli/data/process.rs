//! `wasser data process`.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::json;
use wasser_api::operations::{
    DataProcessSpec, JobProcessor, OperationKind, ProcessedDataset, Processor, ScriptProcessor,
};

use super::create::MakeArgs;
use super::draft::{Draft, ScheduleArgs};
use super::problem::Problem;

/// The most that a script may have: it becomes a ConfigMap.
const LONGEST: u64 = 512 * 1024;
/// What runs a script that does not say so in its first line.
const SHELL: &str = "sh";

/// What to run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The Dataset.
    dataset: String,
    /// The image of the program.
    #[arg(long)]
    image: String,
    /// Where the program finds the data.
    #[arg(long, value_name = "PATH", default_value = "/data")]
    mount_path: String,
    /// The directory of the Dataset that is mounted [default: all of it].
    #[arg(long, value_name = "PATH")]
    sub_path: Option<String>,
    /// Run this script, with the program of its first line (#!) or else sh; `-` reads it from standard
    /// input. A command after `--` runs it instead.
    #[arg(long, value_name = "FILE")]
    script_file: Option<PathBuf>,
    /// The account that the pod runs with, of the same namespace.
    #[arg(long, value_name = "NAME")]
    service_account: Option<String>,
    /// The program and its arguments [default: those of the image].
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    #[command(flatten)]
    schedule: ScheduleArgs,
    #[command(flatten)]
    pub make: MakeArgs,
}

impl Args {
    /// Returns the DataProcess.
    ///
    /// # Errors
    /// The options make none, or the script cannot be read.
    pub fn draft(&self, _namespace: &str) -> Result<Draft, Problem> {
        let mut processor = Processor {
            service_account_name: self.service_account.clone(),
            ..Processor::default()
        };
        match &self.script_file {
            Some(file) => {
                let source = read(file)?;
                let mut command = self.command.clone();
                if command.is_empty() {
                    command = interpreter(&source);
                }
                processor.script = Some(ScriptProcessor {
                    image: Some(self.image.clone()),
                    command,
                    source,
                    ..ScriptProcessor::default()
                });
            }
            None => {
                let mut container = json!({"name": "process", "image": self.image});
                if !self.command.is_empty() {
                    container["command"] = json!(self.command);
                }
                processor.job = Some(JobProcessor {
                    pod_spec: Some(json!({"restartPolicy": "Never", "containers": [container]})),
                });
            }
        }
        let spec = DataProcessSpec {
            dataset: ProcessedDataset {
                name: self.dataset.clone(),
                namespace: None,
                mount_path: self.mount_path.clone(),
                sub_path: self.sub_path.clone(),
            },
            processor,
            policy: self.schedule.policy(),
            schedule: self.schedule.schedule.clone(),
            run_after: self.make.common.run_after(),
            ttl_seconds_after_finished: self.make.common.ttl,
        };
        Draft::new(OperationKind::DataProcess, &self.dataset, &spec)
    }
}

/// Reads a script.
fn read(file: &Path) -> Result<String, Problem> {
    let failed = |error: std::io::Error| {
        Problem::usage(format!(
            "--script-file {}: cannot be read: {error}; give a file with the text of the script",
            file.display()
        ))
    };
    let opened: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).map_err(failed)?)
    };
    let mut text = String::new();
    opened.take(LONGEST + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LONGEST {
        return Err(Problem::usage(format!(
            "--script-file {}: has more than {} KiB; put the program into the image",
            file.display(),
            LONGEST / 1024
        )));
    }
    if text.trim().is_empty() {
        return Err(Problem::usage(format!(
            "--script-file {}: is empty; give a file with the text of the script",
            file.display()
        )));
    }
    Ok(text)
}

/// Returns what runs a script, as its first line says.
fn interpreter(source: &str) -> Vec<String> {
    let first = source.lines().next().unwrap_or_default();
    let words: Vec<String> = first
        .strip_prefix("#!")
        .map(|rest| rest.split_whitespace().map(str::to_owned).collect())
        .unwrap_or_default();
    if words.is_empty() {
        vec![SHELL.to_owned()]
    } else {
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_says_what_runs_it() {
        assert_eq!(interpreter("#!/usr/bin/env python3\n"), ["/usr/bin/env", "python3"]);
        assert_eq!(interpreter("#!/bin/bash -e\nls"), ["/bin/bash", "-e"]);
        assert_eq!(interpreter("ls\n"), ["sh"]);
    }

    #[test]
    fn a_script_that_cannot_be_used_is_named() {
        let empty = tempfile::NamedTempFile::new().unwrap();
        let problem = read(empty.path()).unwrap_err().to_string();
        assert!(problem.contains("is empty"), "{problem}");
        let long = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(long.path(), "x".repeat(600 * 1024)).unwrap();
        let problem = read(long.path()).unwrap_err().to_string();
        assert!(problem.contains("more than 512 KiB"), "{problem}");
        let problem = read(Path::new("/nowhere/x.sh")).unwrap_err().to_string();
        assert!(problem.contains("/nowhere/x.sh: cannot be read"), "{problem}");
    }
}
