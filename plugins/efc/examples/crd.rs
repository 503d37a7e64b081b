//! Prints the CRD of EFCRuntime. With `--json`, as one line of JSON: the form that a plugin
//! package carries.

use wasser_api::crd::example;
use wasser_efc::spec;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    print!("{}", example(&[spec::crd()], "wasser-efc")?);
    Ok(())
}
