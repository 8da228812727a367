//! `src/shm/usage-table.ts`: what each consumer used, in two banks for each worker.

use super::mirror;
use core::sync::atomic::AtomicU32;

/// Rows of a bank; the first is for whatever finds no other.
pub const ROW_COUNT: usize = 4_096;
/// Slots of a bank's hash index.
pub const SLOT_COUNT: usize = 8_192;
/// Keys of consumers that have a name of their own, the two nameless ones included.
pub const CALLER_COUNT: usize = 131_072;

mirror! {
    /// The start of the table.
    struct UsageTableHeader: 64 bytes {
        0 => magic: u32,
        4 => worker_count: u32,
        8 => _reserved: [u32; 14],
    }
}

mirror! {
    /// What belongs to one worker.
    struct UsageRegion: 2162880 bytes {
        0 => active: u32,
        4 => _reserved: [u32; 15],
        64 => banks: [UsageBank; 2],
    }
}

mirror! {
    /// What a worker counts between two turns.
    struct UsageBank: 1081408 bytes {
        0 => state: AtomicU32,
        4 => row_count: u32,
        8 => opened_minute: u32,
        12 => _reserved: [u32; 13],
        64 => slots: [u32; SLOT_COUNT],
        32832 => rows: [UsageRow; ROW_COUNT],
    }
}

mirror! {
    /// What one caller asked of one route.
    struct UsageRow: 256 bytes {
        0 => caller: u32,
        4 => series: u32,
        8 => plan: u32,
        12 => environment: u32,
        16 => classes: [u32; 6],
        40 => causes: [u32; 8],
        72 => bytes_in: u32,
        76 => bytes_in_high: u32,
        80 => bytes_out: u32,
        84 => bytes_out_high: u32,
        88 => us: u32,
        92 => us_high: u32,
        96 => function_calls: u32,
        100 => gb_ms: u32,
        104 => gb_ms_high: u32,
        108 => cache_hits: u32,
        112 => _reserved: [u32; 4],
        128 => latencies: [u32; 32],
    }
}
