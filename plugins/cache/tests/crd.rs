//! The CRDs of CacheRuntime and CacheRuntimeClass: what they say, and that the committed files are
//! what the types generate.
#![cfg(feature = "crd")]

use wasser_cache::spec;
use wasser_testkit::crd;

#[test]
fn the_kinds_have_every_field_of_the_api_and_no_other() {
    let [runtime, class] = spec::crds();
    crd::expect_fields(runtime, include_str!("runtime.tsv"));
    crd::expect_fields(class, include_str!("class.tsv"));
}

#[test]
fn the_committed_files_are_what_the_types_generate() {
    for crd in spec::crds() {
        crd::expect_committed(crd, "wasser-cache");
    }
}

#[test]
fn the_crds_are_small_enough_to_travel_in_a_config_map_with_their_component() {
    for crd in spec::crds() {
        crd::expect_small(crd);
    }
}
