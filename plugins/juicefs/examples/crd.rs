//! Prints the CRD of JuiceFSRuntime. With `--json`, as one line of JSON: the form that a plugin
//! package carries.

use wasser_api::crd::example;
use wasser_juicefs::spec;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    print!("{}", example(&[spec::crd()], "wasser-juicefs")?);
    Ok(())
}
