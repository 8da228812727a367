//! `src/shm/limit-table.ts`: what a token is worth and how virtual time runs, per limit.

use super::mirror;
use core::sync::atomic::{AtomicI32, AtomicU32};

/// Limits that the table has room for.
pub const LIMIT_COUNT: usize = 16_384;
/// Records of a limit: a ring.
pub const LIMIT_RECORD_COUNT: usize = 4;
/// Slots of keys, for all limits together.
pub const LIMIT_SLOT_COUNT: usize = 131_072;

mirror! {
    /// The start of the table.
    struct LimitTableHeader: 64 bytes {
        0 => magic: u32,
        4 => limit_count: u32,
        8 => slot_count: u32,
        12 => _reserved: [u32; 13],
    }
}

mirror! {
    /// How virtual time runs from t0 on; immutable until its place in the ring comes round again.
    struct LimitRecord: 64 bytes {
        0 => v0: AtomicI32,
        4 => t0_low: AtomicU32,
        8 => t0_high: AtomicU32,
        12 => mantissa: AtomicU32,
        16 => shift: AtomicU32,
        20 => resolution: AtomicU32,
        24 => burst: AtomicU32,
        28 => generation: AtomicU32,
        32 => stale_units: AtomicU32,
        36 => start_debt_units: AtomicU32,
        40 => debt_units_max: AtomicU32,
        44 => follows: AtomicU32,
        48 => algorithm: AtomicU32,
        52 => window_ms: AtomicU32,
        56 => align_low: AtomicU32,
        60 => align_high: AtomicI32,
    }
}

mirror! {
    /// One limit.
    struct LimitEntry: 384 bytes {
        0 => sequence: AtomicU32,
        4 => id_low: AtomicI32,
        8 => id_high: AtomicI32,
        12 => used: AtomicU32,
        16 => _reserved_by_main: [u32; 12],
        64 => overflow_tat: [AtomicI32; 2],
        72 => overflow_count: AtomicU32,
        76 => busy_count: AtomicU32,
        80 => _reserved_by_workers: [u32; 12],
        128 => records: [LimitRecord; LIMIT_RECORD_COUNT],
    }
}

mirror! {
    /// What a slot's limit admitted, span by span, where its window slides; behind all slots.
    struct LimitCells: 64 bytes {
        0 => cells: [AtomicI32; 16],
    }
}
