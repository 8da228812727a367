//! `src/shm/nonce-table.ts`: nonces of signed requests that were accepted.

use super::mirror;
use core::sync::atomic::{AtomicI32, AtomicU32};

/// Pages that the table has unless it is made with another number.
pub const NONCE_PAGE_COUNT: usize = 16_384;
/// Nonces that a page remembers.
pub const NONCE_ENTRIES_PER_PAGE: usize = 80;

mirror! {
    /// What is before the pages.
    struct NonceTableHeader: 128 bytes {
        0 => magic: u32,
        4 => page_count: u32,
        8 => _reserved: [u32; 14],
        64 => counts: [AtomicU32; 4],
        80 => _reserved_too: [u32; 12],
    }
}

mirror! {
    /// The nonces whose hashes lead here.
    struct NoncePage: 1024 bytes {
        0 => lock: AtomicU32,
        4 => _reserved: [u32; 15],
        64 => entries: [NonceEntry; NONCE_ENTRIES_PER_PAGE],
    }
}

mirror! {
    /// One nonce. Written under its page's lock.
    struct NonceEntry: 12 bytes {
        0 => hash_low: AtomicI32,
        4 => hash_high: AtomicI32,
        8 => until_s: AtomicU32,
    }
}
