//! `src/shm/lease-table.ts`: leased shares of limits over instances.

use super::mirror;
use core::sync::atomic::{AtomicI32, AtomicU32};

/// Slots that the table has unless it is made with another number.
pub const LEASE_SLOT_COUNT: usize = 65_536;
/// Slots that a key may lie in.
pub const LEASE_SLOTS_PER_BUCKET: usize = 8;

mirror! {
    /// What is before the slots.
    struct LeaseTableHeader: 64 bytes {
        0 => magic: u32,
        4 => slot_count: u32,
        8 => busy_count: AtomicU32,
        12 => _reserved: [u32; 13],
    }
}

mirror! {
    /// The share of one key. The numbers are read between two looks at the sequence.
    struct LeaseSlot: 128 bytes {
        0 => sequence: AtomicI32,
        4 => hash_low: AtomicI32,
        8 => hash_high: AtomicI32,
        12 => tat: AtomicI32,
        16 => v0: AtomicI32,
        20 => burst: AtomicI32,
        24 => resolution: AtomicI32,
        28 => demand: AtomicU32,
        32 => units_per_us: f64,
        40 => t0_us: f64,
        48 => until_us: f64,
        56 => not_before_us: f64,
        64 => loss: AtomicU32,
        68 => credit_max: AtomicU32,
        72 => credit: AtomicI32,
        76 => _reserved: [u32; 13],
    }
}
