//! `src/shm/histogram-table.ts`: latencies in HDR-indexed buckets, banks per route and worker.

use super::mirror;
use super::series_table::SERIES_COUNT;
use core::sync::atomic::AtomicU32;

/// Banks of a worker.
pub const BANK_COUNT: usize = 1_024;
/// Buckets of a histogram.
pub const BUCKET_COUNT: usize = 3_072;

mirror! {
    /// The start of the table.
    struct HistogramTableHeader: 65600 bytes {
        0 => _magic: u32,
        4 => _worker_count: u32,
        8 => _reserved: [u32; 14],
        64 => generations: [AtomicU32; SERIES_COUNT],
    }
}

mirror! {
    /// The histograms of a route: of whole requests, and of their upstream's part.
    struct HistogramBank: 49152 bytes {
        0 => request_low: [AtomicU32; BUCKET_COUNT],
        12288 => request_high: [AtomicU32; BUCKET_COUNT],
        24576 => upstream_low: [AtomicU32; BUCKET_COUNT],
        36864 => upstream_high: [AtomicU32; BUCKET_COUNT],
    }
}

mirror! {
    /// What one worker records.
    struct HistogramRegion: 50405440 bytes {
        0 => bank_count: AtomicU32,
        4 => is_wide: AtomicU32,
        8 => _reserved: [u32; 14],
        64 => bank_of: [AtomicU32; SERIES_COUNT],
        65600 => owners: [AtomicU32; BANK_COUNT],
        69696 => ages: [AtomicU32; BANK_COUNT],
        73792 => banks: [HistogramBank; BANK_COUNT],
    }
}
