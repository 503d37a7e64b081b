//! The scenario in docs/writing-a-runtime.md is one.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use wasser_author::{Pair, objects};

const PAIR: &str = "kind: Dataset
metadata: {name: demo}
---
kind: ExampleRuntime
metadata: {name: demo}
---
";

#[test]
fn the_scenario_of_the_guide_can_be_read() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/writing-a-runtime.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let begin = "```yaml\napiVersion: wasser.fluid.io/v1alpha1\nkind: Scenario\n";
    let from = guide.find(begin).unwrap();
    let block = guide[from..].strip_prefix("```yaml\n").unwrap();
    let block = block.split_once("\n```").unwrap().0;
    let pair = Pair::find(
        objects(&format!("{PAIR}{block}\n")).unwrap(),
        "ExampleRuntime",
        "default",
    )
    .unwrap();
    let scenario = pair.scenario;
    assert!(scenario.installed.is_some() && scenario.cluster.otherwise.is_some() && scenario.expect.is_some());
    assert_eq!(scenario.cluster.exec[0].stdout, "4096\t/cache\n");
}
