//! `src/shm/try-window.ts`: what became of a target's tries within a time.

use super::mirror;
use core::sync::atomic::AtomicU32;

mirror! {
    /// Two windows that follow each other.
    struct TryWindow: 28 bytes {
        0 => window: AtomicU32,
        4 => tries: AtomicU32,
        8 => failed: AtomicU32,
        12 => answer_time: AtomicU32,
        16 => tries_before: AtomicU32,
        20 => failed_before: AtomicU32,
        24 => answer_time_before: AtomicU32,
    }
}
