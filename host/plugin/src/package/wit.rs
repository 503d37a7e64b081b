//! The WIT that the host was built with, as text. The host's tests make their components of it, and
//! plugins in languages without packages for it get a copy.

/// A package: its name without namespace and version, and its files.
pub type Package = (&'static str, &'static [(&'static str, &'static str)]);

macro_rules! capability {
    ($name:literal) => {
        (
            $name,
            &[(
                concat!($name, ".wit"),
                include_str!(concat!("../../../../wit/deps/", $name, "/", $name, ".wit")),
            )],
        )
    };
}

/// Every package, each after those that it uses. The last one has the worlds.
pub const PACKAGES: [Package; 13] = [
    capability!("types"),
    capability!("context"),
    capability!("pods"),
    capability!("exec"),
    capability!("http"),
    capability!("jobs"),
    capability!("secrets"),
    capability!("objects"),
    capability!("ports"),
    capability!("state"),
    capability!("log"),
    capability!("events"),
    (
        "runtime",
        &[
            ("types.wit", include_str!("../../../../wit/types.wit")),
            ("implement.wit", include_str!("../../../../wit/implement.wit")),
            ("operations.wit", include_str!("../../../../wit/operations.wit")),
            ("migration.wit", include_str!("../../../../wit/migration.wit")),
            ("world.wit", include_str!("../../../../wit/world.wit")),
        ],
    ),
];
