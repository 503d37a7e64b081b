//! Prints the CRD of VineyardRuntime. With `--json`, as one line of JSON: the form that a plugin
//! package carries.

use wasser_api::crd::example;
use wasser_vineyard::spec;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    print!("{}", example(&[spec::crd()], "wasser-vineyard")?);
    Ok(())
}
