//! The CRD of EFCRuntime: what it says, and that the committed file is what the types generate.
#![cfg(feature = "crd")]

use wasser_efc::spec;
use wasser_testkit::crd;

#[test]
fn the_runtime_has_every_field_of_the_api_and_no_other() {
    crd::expect_fields(spec::crd(), include_str!("fields.tsv"));
}

#[test]
fn the_committed_file_is_what_the_types_generate() {
    crd::expect_committed(spec::crd(), "wasser-efc");
}

#[test]
fn the_crd_is_small_enough_to_travel_in_a_config_map_with_its_component() {
    crd::expect_small(spec::crd());
}
