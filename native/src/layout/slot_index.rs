//! `src/shm/slot-index.ts`: the slots of rate-limited keys.

use super::mirror;
use core::sync::atomic::AtomicI32;

/// Slots that share one lock.
pub const SLOTS_PER_BUCKET: usize = 8;

mirror! {
    /// One key of one limit.
    struct Slot: 16 bytes {
        0 => hash_low: AtomicI32,
        4 => hash_high: AtomicI32,
        8 => meta: AtomicI32,
        12 => tat: AtomicI32,
    }
}

mirror! {
    /// The lock and the overflow mark of a bucket's slots.
    struct SlotBucket: 8 bytes {
        0 => version: AtomicI32,
        4 => overflowed: AtomicI32,
    }
}
