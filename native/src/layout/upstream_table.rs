//! `src/shm/upstream-table.ts`: what all workers know of each upstream.

use super::mirror;
use core::sync::atomic::AtomicU32;

/// Upstreams that the table has room for.
pub const UPSTREAM_COUNT: usize = 4_096;

mirror! {
    /// The start of the table.
    struct UpstreamTableHeader: 64 bytes {
        0 => magic: u32,
        4 => _reserved: [u32; 15],
    }
}

mirror! {
    /// One upstream's lines.
    struct Upstream: 320 bytes {
        0 => circuit: AtomicU32,
        4 => trials: AtomicU32,
        8 => streak: AtomicU32,
        12 => opened: AtomicU32,
        16 => _reserved: [u32; 12],
        64 => total: [AtomicU32; 16],
        128 => failed: [AtomicU32; 16],
        192 => slow: [AtomicU32; 16],
        256 => tokens: AtomicU32,
        260 => minimum_tat: AtomicU32,
        264 => retries: [AtomicU32; 3],
        276 => refused: [AtomicU32; 6],
        300 => fallbacks: [AtomicU32; 2],
        308 => _unused: [u32; 3],
    }
}
