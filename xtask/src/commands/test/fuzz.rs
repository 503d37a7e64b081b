//! Inputs that lead to code which no input before has led to, for what reads the bytes of others.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use wasser_test_cluster::machine::debian::{self, Need};
use wasser_test_cluster::machine::paths;

use super::binaries::{TestProgram, with_libfuzzer};
use super::report::Report;
use crate::commands::interrupt;

/// How long, and for what.
#[derive(Debug, clap::Args)]
pub struct Fuzzing {
    /// Seconds for each
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Begin with this number, and not with one by chance: what is tried is then much the same each time
    #[arg(long)]
    seed: Option<u32>,
    /// Part of what is read: components, registrations, values, objects, records, reports
    filter: Option<String>,
}

/// Seconds for all targets of the regular tests, however many there are.
const TOGETHER: u32 = 400;

impl Fuzzing {
    /// That of the regular tests, which should not fail for what nobody has changed.
    pub const USUAL: Self = Self {
        seconds: TOGETHER / TARGETS.len() as u32,
        seed: Some(1),
        filter: None,
    };
}

/// A test whose inputs are what somebody else may have made.
struct Target {
    /// What is read.
    name: &'static str,
    package: &'static str,
    /// Selects the program of tests.
    program: &'static [&'static str],
    /// The name of the test.
    test: &'static str,
}

const TARGETS: [Target; 10] = [
    Target {
        name: "components",
        package: "wasser-plugin",
        program: &["--test", "mutations"],
        test: "a_component_that_is_nearly_right_is_refused_or_answers",
    },
    Target {
        name: "registrations",
        package: "wasser-plugin",
        program: &["--test", "mutations"],
        test: "a_registration_that_is_nearly_right_is_refused_in_few_words_or_not",
    },
    Target {
        name: "values",
        package: "wasser-chart",
        program: &["--test", "policy"],
        test: "values::no_values_of_a_plugin_get_power_over_nodes_past_the_policy",
    },
    Target {
        name: "objects",
        package: "wasser-chart",
        program: &["--test", "policy"],
        test: "mutations::no_change_of_a_workload_gets_power_over_nodes_past_the_policy",
    },
    Target {
        name: "records",
        package: "wasser-chart",
        program: &["--lib"],
        test: "releases::record::tests::a_record_that_is_nearly_right_is_refused_or_read",
    },
    Target {
        name: "reports of JuiceFS",
        package: "wasser-juicefs",
        program: &["--test", "reports"],
        test: "no_report_is_too_odd::case_1_community",
    },
    Target {
        name: "reports of JuiceFS Enterprise",
        package: "wasser-juicefs",
        program: &["--test", "reports"],
        test: "no_report_is_too_odd::case_2_enterprise",
    },
    Target {
        name: "reports of Alluxio",
        package: "wasser-alluxio",
        program: &["--test", "conversations"],
        test: "no_report_is_too_odd",
    },
    Target {
        name: "reports of Jindo",
        package: "wasser-jindo",
        program: &["--test", "reports"],
        test: "no_report_is_too_odd",
    },
    Target {
        name: "reports of CacheRuntimes",
        package: "wasser-cache",
        program: &["--test", "entries"],
        test: "no_answer_is_too_odd",
    },
];

/// Lets libFuzzer make inputs for each target, one after the other.
pub fn run(fuzzing: &Fuzzing, report: &Report) -> Result<()> {
    debian::require(Need::CompilerForFuzzing)?;
    let filter = fuzzing.filter.as_deref().unwrap_or_default();
    let targets: Vec<&Target> = TARGETS.iter().filter(|target| target.name.contains(filter)).collect();
    ensure!(!targets.is_empty(), "nothing is called {filter:?}; see --help");
    let mut failed = Vec::new();
    for target in targets {
        let program = with_libfuzzer(target.package, target.program)?;
        if !target.run(&program, fuzzing)? {
            report.failed(format!("{} by libFuzzer", target.name));
            failed.push(target.name);
        }
        report.counted(
            u64::from(!failed.contains(&target.name)),
            u64::from(failed.contains(&target.name)),
        );
    }
    ensure!(
        failed.is_empty(),
        "libFuzzer has found what is wrong in reading {}",
        failed.join(", ")
    );
    Ok(())
}

impl Target {
    /// Returns false if an input has failed, which is then in a file that libFuzzer names.
    fn run(&self, program: &TestProgram, fuzzing: &Fuzzing) -> Result<bool> {
        let (seconds, seed) = (fuzzing.seconds, fuzzing.seed.unwrap_or_default());
        let directory = paths::root().join("target/fuzz").join(self.name.replace(' ', "-"));
        let corpus = directory.join("corpus");
        fs::create_dir_all(&corpus).with_context(|| format!("creating {}", corpus.display()))?;
        println!(
            "--> {}, {seconds} s; what is found is kept in {}",
            self.name,
            directory.display()
        );
        let mut command: Command = program.command();
        command
            .args(["--exact", self.test, "--nocapture"])
            .env("WASSER_FUZZ_CORPUS", &corpus)
            .env(
                "WASSER_FUZZ_OPTIONS",
                format!(
                    "-max_total_time={seconds} -seed={seed} -timeout=20 -rss_limit_mb=3000 -verbosity=0 -print_funcs=0 -print_final_stats=1 \
                     -artifact_prefix={}/",
                    directory.display()
                ),
            );
        Ok(interrupt::run(&mut command)?.success())
    }
}
