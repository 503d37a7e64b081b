//! The files of a new plugin, by their paths in its directory.

/// A path, and what is there.
pub type File = (&'static str, &'static str);

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../templates/", $path))
    };
}

macro_rules! same {
    ($path:literal) => {
        ($path, include_str!(concat!("../../templates/common/", $path)))
    };
}

macro_rules! sdk {
    ($language:literal, $file:literal) => {
        (
            concat!("wasser/", $file),
            include_str!(concat!("../../../../plugins/", $language, "/wasser/", $file)),
        )
    };
}

/// Those of every language. The name of the runtime in them is replaced, as in those of a language.
pub const COMMON: [File; 9] = [
    same!("chart/Chart.yaml"),
    same!("chart/templates/worker.yaml"),
    same!("chart/templates/fuse.yaml"),
    same!("crd.yaml"),
    same!("demo.yaml"),
    same!("plugin.yaml"),
    same!("scenarios/bare.yaml"),
    same!("scenarios/golden/bare.yaml"),
    same!("scenarios/no-cache-size.yaml"),
];

/// Those of a plugin in Rust.
pub const RUST: [File; 6] = [
    ("Cargo.toml", template!("rust/Cargo.toml.in")),
    ("rust-toolchain.toml", template!("rust/rust-toolchain.toml")),
    (".gitignore", template!("rust/gitignore")),
    (".github/workflows/ci.yaml", template!("rust/ci.yaml")),
    ("README.md", template!("rust/README.md")),
    ("src/lib.rs", template!("rust/lib.rs")),
];

/// Those of a plugin in Python.
pub const PYTHON: [File; 6] = [
    ("app.py", template!("python/app.py")),
    ("test_app.py", template!("python/test_app.py")),
    ("requirements.txt", template!("python/requirements.txt")),
    (".gitignore", template!("python/gitignore")),
    (".github/workflows/ci.yaml", template!("python/ci.yaml")),
    ("README.md", template!("python/README.md")),
];

/// The SDK of Python, which is copied as it is.
pub const PYTHON_SDK: [File; 14] = [
    sdk!("python", "__init__.py"),
    sdk!("python", "answers.py"),
    sdk!("python", "checked.py"),
    sdk!("python", "component.py"),
    sdk!("python", "context.py"),
    sdk!("python", "conversation.py"),
    sdk!("python", "description.py"),
    sdk!("python", "errors.py"),
    sdk!("python", "host.py"),
    sdk!("python", "imports.py"),
    sdk!("python", "logs.py"),
    sdk!("python", "runtime.py"),
    sdk!("python", "sandbox.py"),
    sdk!("python", "testing.py"),
];

/// Those of a plugin in JavaScript.
pub const JAVASCRIPT: [File; 6] = [
    ("app.js", template!("js/app.js")),
    ("app.test.js", template!("js/app.test.js")),
    ("package.json", template!("js/package.json")),
    (".gitignore", template!("js/gitignore")),
    (".github/workflows/ci.yaml", template!("js/ci.yaml")),
    ("README.md", template!("js/README.md")),
];

/// The SDK of JavaScript, which is copied as it is.
pub const JAVASCRIPT_SDK: [File; 15] = [
    sdk!("javascript", "answers.js"),
    sdk!("javascript", "checked.js"),
    sdk!("javascript", "command.js"),
    sdk!("javascript", "component.js"),
    sdk!("javascript", "context.js"),
    sdk!("javascript", "conversation.js"),
    sdk!("javascript", "description.js"),
    sdk!("javascript", "errors.js"),
    sdk!("javascript", "host.js"),
    sdk!("javascript", "imports.js"),
    sdk!("javascript", "index.js"),
    sdk!("javascript", "json.js"),
    sdk!("javascript", "runtime.js"),
    sdk!("javascript", "sandbox.js"),
    sdk!("javascript", "testing.js"),
];
