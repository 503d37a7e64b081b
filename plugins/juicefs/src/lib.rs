//! The JuiceFS runtime as a Wasser plugin.
