//! Makes components from text, so that the tests need no WebAssembly toolchain. `wit-component`
//! makes a component of a core module in WAT, with the names of the canonical ABI, and the metadata
//! of the world.
#![allow(dead_code, clippy::unwrap_used)] // Tests fail by panicking, and not every test file uses everything.

pub mod backend;
mod describe;
mod module;
pub mod registration;
mod relay;
#[path = "../../src/package/wit.rs"]
mod wit;

use std::collections::BTreeMap;
use std::fmt::Write;

use describe::{Described, owned};
use module::CONTEXT;

pub use describe::{Role, WORKER};
#[allow(unused_imports)] // Some of the test programs that share this file need none.
pub use relay::Argument;

/// The address at which a host function writes its result, and the address at which a method builds
/// its own result.
pub const RETURNED: u32 = 1024;
pub const ANSWER: u32 = 2048;
const DATA: u32 = 4096;

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
                version: "1.0.0".to_owned(),
                roles: vec![WORKER],
                wants: owned(&[("exec", &["worker"]), ("kinds", &["StatefulSet"])]),
            },
            keeps_context: false,
            describe: None,
        }
    }
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

    /// Describes itself as this version.
    pub fn versioned(mut self, version: &str) -> Self {
        version.clone_into(&mut self.described.version);
        self
    }

    /// Counts what another plugin has installed as these values. It traps if anybody else has.
    pub fn migrating(mut self, values: &[u8]) -> Self {
        let (at, length) = self.bytes(values);
        let address = self.words(&[0, at, length]);
        self.function(&format!(
            "(func (export \"wasser:runtime/migration@0.1.0#migrate\") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
               (if (local.get 2) (then unreachable))
               (i32.const {address}))"
        ))
        .world("migrating", "world migrating { include runtime; export migration; }")
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
}
