//! Makes components from text, so that the tests need no WebAssembly toolchain. `wit-component`
//! makes a component of a core module in WAT, with the names of the canonical ABI, and the metadata
//! of the world.
#![allow(dead_code, clippy::unwrap_used)] // Tests fail by panicking, and not every test file uses everything.

pub mod backend;
pub mod registration;
#[path = "../../src/package/wit.rs"]
mod wit;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{Resolve, SourceMap};

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

/// The methods that every guest has.
const REQUIRED: [&str; 1] = ["desired"];

/// The address at which a host function writes its result, and the address at which a method builds
/// its own result.
pub const RETURNED: u32 = 1024;
pub const ANSWER: u32 = 2048;
/// The address of a one followed by zeros: `Err(not-supported)` of every method, whatever its
/// alignment.
const NOT_SUPPORTED: u32 = 64;
const DATA: u32 = 4096;

/// A role of a guest, whose workload is called after it.
#[derive(Clone, Copy)]
pub struct Role<'a> {
    pub name: &'a str,
    pub workload: &'a str,
    pub needed: bool,
    pub starts_at_zero: bool,
    pub replicas: Option<&'a str>,
}

/// The role of every guest that describes no others.
pub const WORKER: Role<'static> = Role {
    name: "worker",
    workload: "StatefulSet",
    needed: true,
    starts_at_zero: true,
    replicas: Some("/spec/replicas"),
};

/// What a guest says about itself.
#[derive(Clone)]
struct Described {
    /// Kind, plural, engine, and the directory of its mounts.
    names: [String; 4],
    roles: Vec<Role<'static>>,
    wants: Vec<(String, Vec<String>)>,
}

/// A guest that describes itself, and has the methods that have a body.
#[derive(Clone)]
pub struct Guest {
    version: String,
    world: String,
    wit: String,
    imports: String,
    functions: String,
    bodies: BTreeMap<String, String>,
    missing: Vec<String>,
    pages: u32,
    data: Vec<u8>,
    described: Described,
    /// Whether `desired` ends without giving the context back.
    keeps_context: bool,
    /// The body of `describe`, instead of the description.
    describe: Option<String>,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            version: "0.1.0".to_owned(),
            world: "runtime".to_owned(),
            wit: String::new(),
            imports: String::new(),
            functions: String::new(),
            bodies: BTreeMap::new(),
            missing: Vec::new(),
            pages: 1,
            data: Vec::new(),
            described: Described {
                names: ["DemoRuntime", "demoruntimes", "demo", "demo-fuse"].map(str::to_owned),
                roles: vec![WORKER],
                wants: owned(&[("exec", &["worker"]), ("kinds", &["StatefulSet"])]),
            },
            keeps_context: false,
            describe: None,
        }
    }
}

fn owned(wants: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let scope = |scope: &[&str]| scope.iter().map(|text| (*text).to_owned()).collect();
    let wants = wants.iter();
    wants.map(|(name, of)| ((*name).to_owned(), scope(of))).collect()
}

impl Guest {
    /// Returns a guest that declares these capabilities.
    pub fn wanting(wants: &[(&str, &[&str])]) -> Self {
        let mut guest = Self::default();
        guest.described.wants = owned(wants);
        guest
    }

    pub fn serving(mut self, kind: &str) -> Self {
        self.described.names[0] = kind.to_owned();
        self.described.wants.clear();
        self
    }

    /// Describes itself with these names: kind, plural, engine, and the directory of its mounts.
    pub fn called(mut self, names: [&str; 4]) -> Self {
        self.described.names = names.map(str::to_owned);
        self.described.wants.clear();
        self
    }

    /// Describes a runtime with these roles.
    pub fn with_roles(mut self, roles: &[Role<'static>], wants: &[(&str, &[&str])]) -> Self {
        self.described.roles = roles.to_vec();
        self.described.wants = owned(wants);
        self
    }

    /// Builds for another version of the world.
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.to_owned();
        self
    }

    /// Builds for another world of the package, to which this text is added.
    pub fn world(mut self, name: &str, wit: &str) -> Self {
        self.world = name.to_owned();
        self.wit = wit.to_owned();
        self
    }

    /// Removes a method, also from the WIT that the guest is built for.
    pub fn without(mut self, method: &str) -> Self {
        self.missing.push(method.to_owned());
        self
    }

    /// Sets the initial pages of memory.
    pub fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    /// Ends `desired` without giving the context back.
    pub fn keeping_the_context(mut self) -> Self {
        self.keeps_context = true;
        self
    }

    /// Imports a fact of the context, `$<fact>`, whose answer is written to an address.
    pub fn fact(mut self, fact: &str) -> Self {
        writeln!(
            self.imports,
            "(import \"{CONTEXT}\" \"[method]context.{fact}\" (func ${fact} (param i32 i32)))"
        )
        .unwrap();
        self
    }

    pub fn describing(mut self, body: &str) -> Self {
        self.describe = Some(body.to_owned());
        self
    }

    /// Sets the body of a method, in WAT. `$ctx` is the handle of its context, and the address of the
    /// answer is its result.
    pub fn method(mut self, name: &str, body: &str) -> Self {
        self.bodies.insert(name.to_owned(), body.to_owned());
        self
    }

    /// Adds a function, in WAT.
    pub fn function(mut self, wat: &str) -> Self {
        self.functions.push_str(wat);
        self
    }

    /// Imports a host function of a capability, with its core type.
    pub fn import(self, capability: &str, name: &str, signature: &str) -> Self {
        self.import_from(&format!("wasser:{capability}/{capability}@0.1.0"), name, signature)
    }

    /// Imports a host function of an interface, with its core type.
    pub fn import_from(mut self, interface: &str, name: &str, signature: &str) -> Self {
        writeln!(
            self.imports,
            "(import \"{interface}\" \"{name}\" (func ${name} {signature}))"
        )
        .unwrap();
        self
    }

    /// Imports a function of WASI, `$get-arguments`.
    pub fn import_wasi(mut self) -> Self {
        self.imports
            .push_str("(import \"wasi:cli/environment@0.2.0\" \"get-arguments\" (func $get-arguments (param i32)))\n");
        self.world(
            "wasi-runtime",
            "world wasi-runtime { include runtime; import wasi:cli/environment@0.2.0; }",
        )
    }

    /// Returns `Ok(text)` from a method that returns a string.
    pub fn answers(mut self, method: &str, text: &[u8]) -> Self {
        let (at, length) = self.bytes(text);
        let address = self.words(&[0, at, length]);
        self.method(method, &format!("(i32.const {address})"))
    }

    /// Puts bytes into memory, and returns address and length.
    pub fn bytes(&mut self, bytes: &[u8]) -> (u32, u32) {
        let at = DATA + u32::try_from(self.data.len()).unwrap();
        self.data.extend_from_slice(bytes);
        self.data.resize(self.data.len().next_multiple_of(8), 0);
        (at, u32::try_from(bytes.len()).unwrap())
    }

    fn words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.bytes(&bytes).0
    }

    fn text(&mut self, text: &str) -> [u32; 2] {
        let (at, length) = self.bytes(text.as_bytes());
        [at, length]
    }

    fn texts(&mut self, texts: &[&str]) -> [u32; 2] {
        let words: Vec<u32> = texts.iter().flat_map(|text| self.text(text)).collect();
        [self.words(&words), u32::try_from(texts.len()).unwrap()]
    }

    /// Puts the `description` into memory, and returns its address.
    fn description(&mut self) -> u32 {
        let Described { names, roles, wants } = self.described.clone();
        let [kind, plural, engine, directory] = &names;
        let mut list = Vec::new();
        for role in &roles {
            let suffix = format!("-{}", role.name);
            let texts = [role.name, role.workload, &suffix, "demo"];
            list.extend(texts.iter().flat_map(|text| self.text(text)));
            // needed-for-bound and starts-at-zero are two bytes. They are followed by replicas and
            // default-replicas.
            list.push(u32::from(role.needed) | u32::from(role.starts_at_zero) << 8);
            match role.replicas {
                Some(pointer) => {
                    list.push(1);
                    list.extend(self.text(pointer));
                }
                None => list.extend([0, 0, 0]),
            }
            list.push(1);
        }
        let described = self.words(&list);
        let mut list = Vec::new();
        for (capability, scope) in &wants {
            let scope: Vec<&str> = scope.iter().map(String::as_str).collect();
            let scope = self.texts(&scope);
            list.extend(self.text(capability));
            list.extend(scope);
        }
        let wanted = self.words(&list);
        let bodies = self.bodies.clone();
        let methods: Vec<&str> = bodies
            .keys()
            .map(String::as_str)
            .filter(|method| !REQUIRED.contains(method))
            .collect();
        let mut record: Vec<u32> = ["demo", "1.0.0", kind, plural]
            .iter()
            .flat_map(|text| self.text(text))
            .collect();
        record.extend(self.texts(&["data.fluid.io/v1alpha1"]));
        record.extend(self.text(engine));
        // implementation: none.
        record.extend([0, 0, 0]);
        record.extend(self.texts(&methods));
        record.extend([described, u32::try_from(roles.len()).unwrap()]);
        record.extend(self.text("fuse.demo"));
        record.extend(self.text(directory));
        record.extend([wanted, u32::try_from(wants.len()).unwrap()]);
        self.words(&record)
    }

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

/// Returns the number of core parameters of a method, besides the context.
fn arguments(method: &str) -> usize {
    match method {
        "check-ready" => 2,
        "update-ufs" => 6,
        _ => 0,
    }
}

const CONTEXT: &str = "wasser:context/context@0.1.0";
const IMPLEMENT: &str = "wasser:runtime/implement@VERSION";

/// An argument of a host function.
pub enum Argument<'a> {
    Text(&'a str),
    Number(i32),
    Texts(&'a [&'a str]),
    Pairs(&'a [[&'a str; 2]]),
}

impl Guest {
    /// Makes `desired` call a host function and return `failed` with the text of its error.
    pub fn relays(mut self, interface: &str, name: &str, arguments: &[Argument<'_>]) -> Self {
        let mut pushed = Vec::new();
        for argument in arguments {
            match argument {
                Argument::Number(number) => pushed.push(*number),
                Argument::Text(text) => pushed.extend(self.text(text).map(u32::cast_signed)),
                Argument::Texts(texts) => {
                    let words: Vec<u32> = texts.iter().flat_map(|text| self.text(text)).collect();
                    let at = self.words(&words);
                    pushed.extend([at.cast_signed(), i32::try_from(texts.len()).unwrap()]);
                }
                Argument::Pairs(pairs) => {
                    let words: Vec<u32> = pairs.iter().flatten().flat_map(|text| self.text(text)).collect();
                    let at = self.words(&words);
                    pushed.extend([at.cast_signed(), i32::try_from(pairs.len()).unwrap()]);
                }
            }
        }
        let signature = format!("(param{})", " i32".repeat(pushed.len() + 1));
        let operands: String = pushed.iter().map(|number| format!("(i32.const {number}) ")).collect();
        let body = format!(
            "(call ${name} {operands} (i32.const {RETURNED}))
             (if (i32.eqz (i32.load8_u (i32.const {RETURNED}))) (then (return (i32.const {NOT_SUPPORTED}))))
             (i32.store (i32.const {ANSWER}) (i32.const 1))
             (i32.store offset=4 (i32.const {ANSWER}) (i32.const 3))
             (i32.store offset=8 (i32.const {ANSWER}) (i32.load offset=8 (i32.const {RETURNED})))
             (i32.store offset=12 (i32.const {ANSWER}) (i32.load offset=12 (i32.const {RETURNED})))
             (i32.const {ANSWER})"
        );
        self.import(interface, name, &signature).method("desired", &body)
    }
}
