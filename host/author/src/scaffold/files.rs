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
    ($file:literal) => {
        (
            concat!("wasser/", $file),
            include_str!(concat!("../../../../plugins/python/wasser/", $file)),
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
pub const PYTHON_SDK: [File; 12] = [
    sdk!("__init__.py"),
    sdk!("answers.py"),
    sdk!("checked.py"),
    sdk!("component.py"),
    sdk!("context.py"),
    sdk!("description.py"),
    sdk!("errors.py"),
    sdk!("host.py"),
    sdk!("imports.py"),
    sdk!("runtime.py"),
    sdk!("sandbox.py"),
    sdk!("testing.py"),
];
