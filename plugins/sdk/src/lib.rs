//! Write a Wasser runtime plugin: describe it, compute its values, and leave the rest to the host.
