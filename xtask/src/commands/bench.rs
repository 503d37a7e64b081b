//! `cargo xtask bench all|bind|floor|scale|delete|operations|neighbour|webhook|call|render|volume|data`

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;
use wasser_bench::{self as bench, Admissions, Amount, Files, Growth, Load, Options, Report, Runtime, Scale, System};
use wasser_test_cluster::machine::debian::{self, Need};

/// The benchmark to run. Its result is one JSON object on standard output.
#[derive(Debug, Subcommand)]
pub enum Args {
    /// Measure bind, delete, operations, webhook, call and render in a short form, and show them
    /// beside the figures of an earlier run
    All {
        /// What an earlier run has written by --json-out
        #[arg(long, value_name = "FILE")]
        compare: Option<PathBuf>,
        #[command(flatten)]
        options: Options,
    },
    /// Start wasser on many Datasets, and measure the time until all are Bound, processor time,
    /// memory and requests to the API server
    Bind {
        /// The number of Datasets
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=20_000))]
        count: u32,
        /// Add this many Datasets whose masters never answer, and report how much they slow down
        /// the others
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1000))]
        #[arg(conflicts_with = "mix")]
        hung: u32,
        /// Write a flame graph of wasser until all are Bound, as SVG; perf has to be installed, and
        /// slows everything down
        #[arg(long, value_name = "FILE", conflicts_with_all = ["hung", "mix"])]
        profile: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        options: Options,
    },
    /// Write the objects of many bound Datasets with a bare client in as few requests as possible:
    /// the least that `bind` can cost
    Floor {
        /// The number of Datasets
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=20_000))]
        count: u32,
        /// The number of fake nodes
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
        nodes: u32,
        #[command(flatten)]
        options: Options,
    },
    /// Let thousands of Datasets come step by step, and measure whether the last ones are Bound as fast
    /// as the first, what all cost at rest, and what one more, another leader, another build of the
    /// plugin and the deletion of all take among them
    Scale {
        /// The number of Datasets in the end
        #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(20..=20_000))]
        count: u32,
        /// The number of Datasets that come together
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(10..=20_000))]
        step: u32,
        /// The number of fake nodes
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        nodes: u32,
        /// Leave the cluster running for a look at it
        #[arg(long)]
        keep: bool,
        #[command(flatten)]
        options: Options,
    },
    /// Delete many bound Datasets, and measure the time until everything of them is gone, processor
    /// time and requests
    Delete {
        /// The number of Datasets
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=20_000))]
        count: u32,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        options: Options,
    },
    /// Create many DataLoads at once, and then a chain of DataProcesses, and measure the time until
    /// all are Complete, processor time and requests
    Operations {
        /// The number of DataLoads
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=20_000))]
        count: u32,
        /// The length of the chain
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        chain: u32,
        /// The number of fake nodes
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
        nodes: u32,
        /// Leave the cluster running for a look at it
        #[arg(long)]
        keep: bool,
        #[command(flatten)]
        options: Options,
    },
    /// Bind Datasets beside those of a plugin that takes as much processor time, memory and calls as
    /// its limits let it, and measure how much slower the others are
    Neighbour {
        /// The number of Datasets with JuiceFS
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        count: u32,
        /// The number of Datasets with the hostile plugin
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        hostile: u32,
        /// The number of fake nodes
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
        nodes: u32,
        #[command(flatten)]
        options: Options,
    },
    /// Create pods by way of the webhook, none of which is kept, and measure its memory, its processor
    /// time, and how long creations take with and without it
    Webhook {
        /// The number of pods of each kind: those that it is not asked about, those that it steers to
        /// caches, and those that get a client of their own
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        count: u32,
        /// How many pods are created at a time
        #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100))]
        clients: u32,
        #[command(flatten)]
        options: Options,
    },
    /// Measure how long it takes to create an instance of a plugin and to call it
    Call {
        /// Build this revision as well, measure both by turns, and report what the figures are of
        /// its own
        #[arg(long, value_name = "REVISION")]
        against: Option<String>,
        #[command(flatten)]
        options: Options,
    },
    /// Measure how long it takes to render the chart of JuiceFS
    Render {
        #[command(flatten)]
        options: Options,
    },
    /// Mount a dataset into pods of a real node, and measure publishing, throughput, and recovery
    /// after kills of the fuse pod
    Volume {
        /// Whose fuse pod is killed; publishing and throughput are measured with juicefs alone
        #[arg(long, value_enum, default_value = "juicefs")]
        runtime: Runtime,
        /// The number of pods that start together, with juicefs
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=90))]
        pods: u32,
        /// How often the fuse pod is killed
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        kills: u32,
        #[command(flatten)]
        options: Options,
    },
    /// Load and copy the files of a dataset on a real node by a DataLoad and a DataMigrate, and compare
    /// with the same commands in pods that are made by hand
    Data {
        /// The number of files
        #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        files: u32,
        /// Their size in sum
        #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=2048))]
        mebibytes: u32,
        /// How often each is done
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=100))]
        rounds: u32,
        #[command(flatten)]
        options: Options,
    },
}

/// The cluster to measure on.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The number of fake nodes; Datasets share them if there are fewer nodes than Datasets
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    nodes: u32,
    /// Leave the cluster running for a look at it
    #[arg(long)]
    keep: bool,
    /// The cache systems that serve the Datasets, by turns; `bind` compares them with JuiceFS alone
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "juicefs",
        value_name = "SYSTEM,…"
    )]
    mix: Vec<System>,
}

impl Place {
    fn scale(&self, count: u32, hung: u32) -> Scale {
        Scale {
            count,
            systems: self.mix.clone(),
            hung,
            nodes: self.nodes,
            keep: self.keep,
            profile: None,
        }
    }
}

pub fn run(args: &Args) -> Result<()> {
    debian::prepare(&match args {
        Args::Volume { runtime, .. } => [Need::DEMO.as_slice(), runtime.needs()].concat(),
        Args::Data { .. } => Need::DEMO.to_vec(),
        _ => vec![Need::CompilerForGuests],
    });
    let (report, options) = match args {
        Args::Bind {
            count,
            hung,
            profile,
            place,
            options,
        } => {
            let scale = Scale {
                profile: profile.clone(),
                ..place.scale(*count, *hung)
            };
            (bench::bind(options, &scale)?, options)
        }
        Args::All { compare, options } => (bench::all(options, compare.as_deref())?, options),
        Args::Floor { count, nodes, options } => (bench::floor(options, &of_juicefs(*count, *nodes))?, options),
        Args::Neighbour {
            count,
            hostile,
            nodes,
            options,
        } => (
            bench::neighbour(options, &of_juicefs(*count, *nodes), *hostile)?,
            options,
        ),
        Args::Scale {
            count,
            step,
            nodes,
            keep,
            options,
        } => {
            let growth = Growth {
                count: *count,
                step: *step,
                nodes: *nodes,
                keep: *keep,
            };
            (bench::scale(options, &growth)?, options)
        }
        Args::Delete { count, place, options } => (bench::delete(options, &place.scale(*count, 0))?, options),
        Args::Operations {
            count,
            chain,
            nodes,
            keep,
            options,
        } => {
            let amount = Amount {
                loads: *count,
                chain: *chain,
                nodes: *nodes,
                keep: *keep,
            };
            (bench::operations(options, &amount)?, options)
        }
        Args::Webhook {
            count,
            clients,
            options,
        } => {
            let pods = Admissions {
                count: *count,
                clients: *clients,
            };
            (bench::webhook(options, pods)?, options)
        }
        Args::Call { against, options } => (bench::call(options, against.as_deref())?, options),
        Args::Volume {
            runtime,
            pods,
            kills,
            options,
        } => {
            let load = Load {
                runtime: *runtime,
                pods: *pods,
                kills: *kills,
            };
            (bench::volume(options, load)?, options)
        }
        Args::Data {
            files,
            mebibytes,
            rounds,
            options,
        } => {
            let files = Files {
                files: *files,
                mebibytes: *mebibytes,
                rounds: *rounds,
            };
            (bench::data(options, files)?, options)
        }
        Args::Render { options } => (bench::render(options)?, options),
    };
    print(&report, options)
}

/// Returns so many Datasets with JuiceFS alone.
fn of_juicefs(count: u32, nodes: u32) -> Scale {
    Scale {
        count,
        systems: vec![System::Juicefs],
        hung: 0,
        nodes,
        keep: false,
        profile: None,
    }
}

fn print(report: &Report, options: &Options) -> Result<()> {
    let text = serde_json::to_string_pretty(&report.json())?;
    if let Some(path) = &options.json_out {
        fs::write(path, format!("{text}\n")).with_context(|| format!("writing {}", path.display()))?;
    }
    for line in report.summary() {
        eprintln!("{line}");
    }
    println!("{text}");
    Ok(())
}
