//! Data operations: `tests/operations/<name>.yaml` is what a user has written,
//! `tests/operations/golden/<name>.plan.yaml` the plan, which UPDATE=1 writes. The scripts of a plan
//! run in a [`PlannedPod`], with programs of the test in place of the cache system's.

use serde_json::{Value, json};
use wasser_sdk::testing::FakeHost;
use wasser_sdk::{DataOperation, Operate, Result};

use crate::golden::yaml;
use crate::scripts::{Ran, Sandbox, Script};
use crate::{Kit, manifest, read};

const DIRECTORY: &str = "tests/operations";
const GUIDE: &str = "../../docs/data-operations.md";

impl<R: Operate> Kit<R> {
    /// Returns the documents of a case, of which the last one is the operation.
    pub fn operation(&self, name: &str) -> Vec<Value> {
        manifest::documents(&read(&self.path(DIRECTORY).join(format!("{name}.yaml"))))
    }

    /// Returns a case with an operation of this kind and spec in place of its own.
    pub fn operation_with(&self, name: &str, kind: &str, spec: &Value) -> Vec<Value> {
        let mut documents = self.operation(name);
        *documents.last_mut().unwrap() =
            json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": {"name": "op"}, "spec": spec});
        documents
    }

    /// Returns the plan of the last document.
    pub fn plan(&self, documents: &[Value], host: &FakeHost) -> Result<Value> {
        let operation = documents.last().unwrap();
        let parsed = DataOperation::parse(operation["kind"].as_str().unwrap(), &operation.to_string())?;
        let plan = R::data_operation(&self.context(documents)?, host, &parsed)?;
        Ok(serde_json::to_value(plan).unwrap())
    }

    /// Checks that the plan of each case is the golden one. The scripts `files` are left out of it,
    /// as they are files of their own.
    pub fn expect_plans(&self, files: &[&str], plan: impl Fn(&[Value]) -> Result<Value>) {
        for (name, documents) in self.manifests(DIRECTORY) {
            let mut plan = plan(&documents).unwrap_or_else(|error| panic!("{name}: {error}"));
            for file in files {
                if let Some(script) = plan["scripts"].get_mut(file) {
                    *script = json!("a file of its own");
                }
            }
            self.expect(DIRECTORY, &name, "plan", &yaml(&plan));
        }
    }

    /// Checks that the guide on data operations has examples of these kinds, and that each of them
    /// has a plan.
    pub fn expect_guide(&self, kinds: &[&str], plan: impl Fn(&str, &Value) -> Result<Value>) {
        let guide = read(&self.path(GUIDE));
        let listings = guide.split("```yaml\n").skip(1);
        let examples: Vec<Value> = listings
            .map(|rest| yaml_serde::from_str(rest.split("```").next().unwrap()).unwrap())
            .collect();
        for kind in kinds {
            let mut examples = examples.iter().filter(|example| example["kind"] == **kind).peekable();
            assert!(examples.peek().is_some(), "the guide has no {kind}");
            for example in examples {
                plan(kind, &example["spec"]).unwrap_or_else(|error| panic!("{example}: {error}"));
            }
        }
    }
}

/// What the kubelet makes of an argument or a variable that refers to no other one.
pub fn expanded(text: &str) -> String {
    text.replace("$$", "$")
}

/// The pod of a plan, whose first container does the work.
pub struct PlannedPod {
    /// Its files and programs.
    pub sandbox: Sandbox,
    /// The arguments of its script.
    pub args: Vec<String>,
    /// The script.
    pub script: Script,
}

impl PlannedPod {
    /// Returns the pod of `plan` in `sandbox`, where variables that are paths lead. `referred` is
    /// the value of a variable that the plan takes from a Secret or the pod.
    pub fn of(plan: &Value, mut sandbox: Sandbox, referred: impl Fn(&str) -> String) -> Self {
        for (name, text) in plan["scripts"].as_object().unwrap() {
            sandbox.file(&format!("/fluid-scripts/{name}"), text.as_str().unwrap());
        }
        sandbox.file("/dev/termination-log", "");
        let container = &plan["podSpec"]["containers"][0];
        for variable in container["env"].as_array().unwrap() {
            let name = variable["name"].as_str().unwrap();
            let mut value = variable["value"].as_str().map_or_else(|| referred(name), expanded);
            if value.starts_with('/') {
                value = sandbox.path(&value).display().to_string();
            }
            sandbox.set(name, value);
        }
        let command = container["command"][1].as_str().unwrap();
        let text = plan["scripts"][command.rsplit('/').next().unwrap()].as_str().unwrap();
        let args = container["args"].as_array().into_iter().flatten();
        Self {
            args: args.map(|arg| expanded(arg.as_str().unwrap())).collect(),
            script: Script::of(command, text),
            sandbox,
        }
    }

    /// Runs the script with a shell.
    pub fn run(&self, shell: &[&str]) -> Ran {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        self.sandbox.run(&self.script, shell, &args)
    }

    /// What the pod says in the end, for the operation's status.
    pub fn last_words(&self) -> String {
        self.sandbox.read("/dev/termination-log")
    }
}
