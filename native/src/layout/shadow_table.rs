//! `src/shm/shadow-table.ts`: what policies in shadow mode would have refused.

use super::mirror;
use core::sync::atomic::AtomicU32;

/// Entries: 64 without a name, one for each error, and then pairs of a policy and an error.
pub const ENTRY_COUNT: usize = 1_024;

mirror! {
    /// The start of the table.
    struct ShadowTableHeader: 64 bytes {
        0 => magic: u32,
        4 => worker_count: u32,
        8 => _reserved: [u32; 14],
    }
}

mirror! {
    /// A policy, and what it would have answered.
    struct ShadowEntry: 256 bytes {
        0 => state: AtomicU32,
        4 => error_id: u32,
        8 => name_bytes: u32,
        12 => _reserved: [u32; 13],
        64 => name: [u8; 192],
    }
}

mirror! {
    /// What one worker counts.
    struct ShadowBank: 8192 bytes {
        0 => counts: [AtomicU32; ENTRY_COUNT],
        4096 => high: [AtomicU32; ENTRY_COUNT],
    }
}
