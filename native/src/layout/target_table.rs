//! `src/shm/target-table.ts`: what all workers know of the upstreams' targets.
//!
//! After the targets come, per worker and target, what that worker has under way there (`TargetHeld`).

use super::mirror;
use super::try_window::TryWindow;
use core::sync::atomic::{AtomicI32, AtomicU32};

/// Targets that the table has room for.
pub const TARGET_COUNT: usize = 4_096;

mirror! {
    /// The start of the table.
    struct TargetTableHeader: 64 bytes {
        0 => magic: u32,
        4 => worker_count: u32,
        8 => _reserved: [u32; 14],
    }
}

mirror! {
    /// One target: a line that picks read, and one that tries write.
    struct Target: 128 bytes {
        0 => out_until_ms: AtomicU32,
        4 => failures: AtomicU32,
        8 => since_ms: AtomicU32,
        12 => health: AtomicU32,
        16 => health_since_ms: AtomicU32,
        20 => out_for_ms: AtomicU32,
        24 => trial: AtomicU32,
        28 => errors: AtomicU32,
        32 => connect_failures: AtomicU32,
        36 => ejections: AtomicU32,
        40 => panics: AtomicU32,
        44 => trial_at_ms: AtomicU32,
        48 => _reserved: [u32; 4],
        64 => cursor: AtomicU32,
        68 => in_flight: AtomicI32,
        72 => latency_us: AtomicU32,
        76 => latency_at_ms: AtomicU32,
        80 => window: TryWindow,
        108 => unanswered: AtomicU32,
        112 => silent_since_ms: AtomicU32,
        116 => _reserved_by_tries: [u32; 3],
    }
}

mirror! {
    /// What one worker has under way at one target.
    struct TargetHeld: 8 bytes {
        0 => held: AtomicI32,
        4 => loose: AtomicI32,
    }
}
