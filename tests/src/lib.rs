//! End-to-end tests of Wasser on a real cluster.
