//! `src/shm/load-table.ts`: how much each upstream has under way, how much it may have, and who waits.
//!
//! An upstream's words are followed by a row for each worker.

use super::mirror;
use core::sync::atomic::{AtomicI32, AtomicU32};

/// Upstreams that the table has room for.
pub const LOAD_COUNT: usize = 1_024;
/// Priorities, 0 to 15.
pub const LOAD_LEVEL_COUNT: usize = 16;

mirror! {
    /// The start of the table.
    struct LoadTableHeader: 64 bytes {
        0 => magic: u32,
        4 => worker_count: u32,
        8 => _reserved: [u32; 14],
    }
}

mirror! {
    /// What all workers know of one upstream.
    struct UpstreamLoad: 320 bytes {
        0 => lock: AtomicU32,
        4 => limit: AtomicU32,
        8 => admitted: AtomicU32,
        12 => baseline: AtomicU32,
        16 => latency: AtomicU32,
        20 => phase: AtomicU32,
        24 => probed: AtomicU32,
        28 => probe_length: AtomicU32,
        32 => probed_limit: AtomicU32,
        36 => is_doubtful: AtomicU32,
        40 => window_start: AtomicU32,
        44 => rate_start: AtomicU32,
        48 => ended_seen: AtomicU32,
        52 => shed_seen: AtomicU32,
        56 => drain_rate: AtomicU32,
        60 => shed_rate: AtomicU32,
        64 => in_flight: AtomicI32,
        68 => waiting: AtomicI32,
        72 => reserve_start: AtomicU32,
        76 => probed_level: AtomicU32,
        80 => _reserved: [u32; 12],
        128 => sample_sum: AtomicU32,
        132 => sample_count: AtomicU32,
        136 => peak: AtomicU32,
        140 => ended: AtomicU32,
        144 => sheds: [AtomicU32; 4],
        160 => _reserved_by_workers: [u32; 8],
        192 => at_level: [AtomicI32; LOAD_LEVEL_COUNT],
        256 => reserve: [AtomicU32; LOAD_LEVEL_COUNT],
    }
}

mirror! {
    /// What one worker has of one upstream.
    struct LoadRow: 128 bytes {
        0 => held: AtomicI32,
        4 => waiting: AtomicI32,
        8 => top: AtomicU32,
        12 => polled: AtomicU32,
        16 => _reserved: [u32; 12],
        64 => at_level: [AtomicI32; LOAD_LEVEL_COUNT],
    }
}
