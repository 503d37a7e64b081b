//! Prints the CRDs of CacheRuntime and CacheRuntimeClass. With `--json`, as lines of JSON: the form
//! that a plugin package carries.

use wasser_api::crd::example;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    print!("{}", example(&wasser_cache::spec::crds(), "wasser-cache")?);
    Ok(())
}
