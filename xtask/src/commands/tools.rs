//! `cargo xtask tools`

use anyhow::Result;
use wasser_test_cluster::machine::tools::Tool;

/// Builds the programs that the cluster consists of, and prints where they are.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of programs, such as kubernetes, kwok or helm [default: all]
    #[arg(value_parser = tool)]
    names: Vec<Tool>,
}

fn tool(text: &str) -> Result<Tool, String> {
    Tool::ALL
        .into_iter()
        .find(|tool| tool.name() == text)
        .ok_or_else(|| format!("there are {}", Tool::ALL.map(Tool::name).join(", ")))
}

pub fn run(args: &Args) -> Result<()> {
    let wanted = if args.names.is_empty() {
        &Tool::ALL
    } else {
        args.names.as_slice()
    };
    for tool in wanted {
        println!("{}", tool.ensure()?.display());
    }
    Ok(())
}
