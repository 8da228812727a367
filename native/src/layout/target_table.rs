//! `src/shm/target-table.ts`: what all workers know of the upstreams' targets.

use super::mirror;
use core::sync::atomic::AtomicU32;

/// Targets that the table has room for.
pub const TARGET_COUNT: usize = 4_096;

mirror! {
    /// The start of the table.
    struct TargetTableHeader: 64 bytes {
        0 => magic: u32,
        4 => _reserved: [u32; 15],
    }
}

mirror! {
    /// One target's line.
    struct Target: 64 bytes {
        0 => out_until_ms: AtomicU32,
        4 => failures: AtomicU32,
        8 => cursor: AtomicU32,
        12 => health: AtomicU32,
        16 => health_since_ms: AtomicU32,
        20 => _reserved: [u32; 11],
    }
}
