//! Developer commands: cluster, demo, test, bench, guests.

fn main() {}
