//! The template engine: Setup, CreateVolume, Sync and Shutdown of any runtime, in the seed's order.
