//! `src/shm/concurrency-table.ts`: at most so many exchanges of a key in flight, over all workers.
//!
//! After the slots come a lock (`AtomicI32`) per bucket and, from the next multiple of 64 bytes on, per worker and slot
//! what that worker has in flight (`AtomicI32`).

use super::mirror;
use core::sync::atomic::{AtomicI32, AtomicU32};

/// Slots that the table has unless it is made with another number.
pub const CONCURRENCY_SLOT_COUNT: usize = 65_536;
/// Slots that share one lock.
pub const CONCURRENCY_SLOTS_PER_BUCKET: usize = 8;

mirror! {
    /// What is before the slots.
    struct ConcurrencyHeader: 128 bytes {
        0 => magic: u32,
        4 => worker_count: u32,
        8 => slot_count: u32,
        12 => _reserved: [u32; 13],
        64 => full_count: AtomicU32,
        68 => busy_count: AtomicU32,
        72 => fault_count: AtomicU32,
        76 => _reserved_by_workers: [u32; 13],
    }
}

mirror! {
    /// One key of one limit.
    struct ConcurrencySlot: 16 bytes {
        0 => hash_low: AtomicI32,
        4 => hash_high: AtomicI32,
        8 => total: AtomicI32,
        12 => _reserved: u32,
    }
}
