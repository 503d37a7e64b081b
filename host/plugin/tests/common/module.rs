//! From a guest to its core module and its component.

use std::fmt::Write;
use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{Resolve, SourceMap};

use super::{DATA, Guest, wit};

const METHODS: [&str; 14] = [
    "validate",
    "desired",
    "check-ready",
    "should-check-ufs",
    "prepare-ufs",
    "setup-workers",
    "sync-metadata",
    "storage-stats",
    "cache-states",
    "check-runtime-healthy",
    "should-update-ufs",
    "update-ufs",
    "sync-replicas",
    "shutdown",
];

/// The address of a one followed by zeros: `Err(not-supported)` of every method, whatever its
/// alignment.
pub const NOT_SUPPORTED: u32 = 64;

/// Returns the number of core parameters of a method, besides the context.
fn arguments(method: &str) -> usize {
    match method {
        "check-ready" => 2,
        "update-ufs" => 6,
        _ => 0,
    }
}

/// The interface of the context.
pub const CONTEXT: &str = "wasser:context/context@0.1.0";
const IMPLEMENT: &str = "wasser:runtime/implement@VERSION";

impl Guest {
    /// Returns the core module.
    pub fn module(&self) -> Vec<u8> {
        let mut described = self.clone();
        let address = described.description();
        let describe = self.describe.clone();
        let describe = describe.unwrap_or_else(|| format!("(i32.const {address})"));
        described.module_with(&describe)
    }

    fn module_with(&self, describe: &str) -> Vec<u8> {
        let mut wat = String::from("(module\n");
        writeln!(
            wat,
            "(import \"{CONTEXT}\" \"[resource-drop]context\" (func $give-back (param i32)))"
        )
        .unwrap();
        wat.push_str(&self.imports);
        let data: String = self.data.iter().fold(String::new(), |mut text, byte| {
            write!(text, "\\{byte:02x}").unwrap();
            text
        });
        write!(
            wat,
            r#"(memory (export "memory") {pages})
            (data (i32.const {NOT_SUPPORTED}) "\01")
            (data (i32.const {DATA}) "{data}")
            (global $heap (mut i32) (i32.const {heap}))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
              (local $at i32)
              (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
              (global.set $heap (i32.add (local.get $at) (local.get 3)))
              (local.get $at))
            (func (export "{IMPLEMENT}#describe") (result i32) {describe})
            {functions}"#,
            pages = self.pages,
            heap = DATA as usize + self.data.len(),
            functions = self.functions,
        )
        .unwrap();
        for method in METHODS
            .iter()
            .filter(|method| !self.missing.iter().any(|missing| missing == *method))
        {
            let body = self
                .bodies
                .get(*method)
                .cloned()
                .unwrap_or_else(|| format!("(i32.const {NOT_SUPPORTED})"));
            let more = arguments(method);
            let names: Vec<String> = (0..more).map(|number| format!("$p{number}")).collect();
            let params: String = names.iter().map(|name| format!("(param {name} i32) ")).collect();
            let operands: String = names.iter().map(|name| format!("(local.get {name}) ")).collect();
            let give_back = if self.keeps_context && *method == "desired" {
                ""
            } else {
                "(call $give-back (local.get $ctx))"
            };
            writeln!(
                wat,
                "(func ${method}-body (param $ctx i32) {params} (result i32) {body})
                 (func (export \"{IMPLEMENT}#{method}\") (param $ctx i32) {params} (result i32)
                   (call ${method}-body (local.get $ctx) {operands})
                   {give_back})"
            )
            .unwrap();
        }
        wat.push(')');
        wat::parse_str(wat.replace("VERSION", &self.version)).unwrap()
    }

    /// Returns a file of the WIT as this guest was built for it.
    fn changed(&self, text: &str) -> String {
        let text = text.replace("wasser:runtime@0.1.0", &format!("wasser:runtime@{}", self.version));
        let is_missing = |line: &&str| {
            let names = self.missing.iter().map(|method| format!("{method}:"));
            names.into_iter().any(|name| line.trim_start().starts_with(&name))
        };
        let kept: Vec<&str> = text.lines().filter(|line| !is_missing(line)).collect();
        kept.join("\n")
    }

    /// Returns the component.
    pub fn build(&self) -> Vec<u8> {
        let mut module = self.module();
        let mut resolve = Resolve::default();
        resolve
            .push_str(
                "wasi.wit",
                "package wasi:cli@0.2.0;\ninterface environment { get-arguments: func() -> list<string>; }",
            )
            .unwrap();
        // A version that no host has.
        resolve
            .push_str(
                "exec.wit",
                "package wasser:exec@0.2.0;\ninterface exec { run: func(); }",
            )
            .unwrap();
        let mut pushed = None;
        for (package, files) in wit::PACKAGES {
            let mut sources = SourceMap::default();
            for (name, text) in files {
                sources.push(Path::new(name), self.changed(text));
            }
            if package == "runtime" {
                let text = format!("package wasser:runtime@{};\n{}", self.version, self.wit);
                sources.push(Path::new("test.wit"), text);
            }
            let group = sources.parse().map_err(|(_, error)| error).unwrap();
            pushed = Some(resolve.push_group(group).unwrap());
        }
        let package = pushed.unwrap();
        let world = resolve.select_world(&[package], Some(&self.world)).unwrap();
        wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
        ComponentEncoder::default()
            .module(&module)
            .unwrap()
            .validate(true)
            .encode()
            .unwrap()
    }
}
