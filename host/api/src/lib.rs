//! Types of Wasser's custom resources, and the names, labels and sizes that all its parts agree on.
