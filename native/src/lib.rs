//! Sluice's shared memory, as Rust sees it: either language may run the hot path on the same bytes.

pub mod layout;
