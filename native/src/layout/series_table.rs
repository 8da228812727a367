//! `src/shm/series-table.ts`: counters of requests, a bank per worker.

use super::mirror;
use core::sync::atomic::AtomicU32;

/// Series in a bank.
pub const SERIES_COUNT: usize = 16_384;

mirror! {
    /// Exchanges of one series by class of status, in two words each; class 0: the client was gone before the answer.
    struct Series: 64 bytes {
        0 => classes: [AtomicU32; 6],
        24 => _reserved: [u32; 2],
        32 => high: [AtomicU32; 6],
        56 => _reserved_high: [u32; 2],
    }
}

mirror! {
    /// The start of the table: what each series counted while it had other names.
    struct SeriesTableHeader: 1048640 bytes {
        0 => _magic: u32,
        4 => _worker_count: u32,
        8 => _reserved: [u32; 14],
        64 => bases: [Series; SERIES_COUNT],
    }
}

mirror! {
    /// What one worker counts.
    struct SeriesBank: 1049088 bytes {
        0 => rejections: [AtomicU32; 64],
        256 => rejections_high: [AtomicU32; 64],
        512 => series: [Series; SERIES_COUNT],
    }
}
