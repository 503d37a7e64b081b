//! The library of the developer commands, which the end-to-end tests use too. Its rooms build on
//! each other: [`machine`] (what this machine has and runs), [`packages`] (what is made of this
//! workspace), [`cluster`] (what runs in Kubernetes), [`mod@bench`]; the commands themselves are the
//! binary. No room uses a later one, and the `use` paths of files form no circle.

pub mod bench;
pub mod cluster;
pub mod machine;
pub mod packages;
