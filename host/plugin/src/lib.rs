//! Loads, limits and calls runtime plugins: WebAssembly components behind the world wasser:runtime.
