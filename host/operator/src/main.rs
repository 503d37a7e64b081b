//! The Wasser operator: Fluid's control plane with runtimes as WebAssembly plugins.

fn main() {}
