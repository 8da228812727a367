//! `src/shm/series-table.ts`: counters of requests, a bank per worker.

use super::mirror;
use core::sync::atomic::AtomicU32;

/// Series in a bank.
pub const SERIES_COUNT: usize = 16_384;

mirror! {
    /// The start of the table.
    struct SeriesTableHeader: 64 bytes {
        0 => magic: u32,
        4 => worker_count: u32,
        8 => _reserved: [u32; 14],
    }
}

mirror! {
    /// Exchanges of one series by class of status; class 0: the client was gone before the answer.
    struct Series: 32 bytes {
        0 => classes: [AtomicU32; 6],
        24 => _reserved: [u32; 2],
    }
}

mirror! {
    /// What one worker counts.
    struct SeriesBank: 524544 bytes {
        0 => rejections: [AtomicU32; 64],
        256 => series: [Series; SERIES_COUNT],
    }
}
