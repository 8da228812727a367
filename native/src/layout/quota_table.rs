//! `src/shm/quota-table.ts`: blocks of quotas that were taken from the durable counters.

use super::mirror;
use core::sync::atomic::{AtomicI32, AtomicU32};

/// Hour, day, month, total.
pub const CALENDAR_COUNT: usize = 4;
/// Slots of quotas and consumers.
pub const SLOT_COUNT: usize = 65_536;

mirror! {
    /// A calendar's window of now.
    struct QuotaCalendar: 16 bytes {
        0 => number: AtomicU32,
        4 => end_low: AtomicU32,
        8 => end_high: AtomicU32,
        12 => _reserved: u32,
    }
}

mirror! {
    /// The start of the table.
    struct QuotaTableHeader: 128 bytes {
        0 => magic: u32,
        4 => slot_count: u32,
        8 => _reserved: [u32; 14],
        64 => calendars: [QuotaCalendar; CALENDAR_COUNT],
    }
}

mirror! {
    /// One consumer's block of one quota.
    struct QuotaSlot: 32 bytes {
        0 => hash_low: AtomicI32,
        4 => hash_high: AtomicI32,
        8 => block: AtomicI32,
        12 => beyond: AtomicU32,
        16 => mark: AtomicU32,
        20 => calendar: AtomicU32,
        24 => _reserved: [u32; 2],
    }
}
