//! `src/shm/control-block.ts`: what the main thread and the gateway workers tell each other without a message.

use super::mirror;
use core::sync::atomic::AtomicU32;

/// Workers that a control block has room for.
pub const WORKER_COUNT_MAX: usize = 64;
/// Arenas that a worker may pin.
pub const ARENA_COUNT: usize = 64;

mirror! {
    /// What holds for all workers.
    struct ControlHeader: 64 bytes {
        0 => magic: u32,
        4 => worker_count: u32,
        8 => epoch: AtomicU32,
        12 => hash_seed_low: u32,
        16 => hash_seed_high: u32,
        20 => draining: AtomicU32,
        24 => memory_shed: AtomicU32,
        28 => _reserved: [u32; 9],
    }
}

mirror! {
    /// One worker's lines.
    struct ControlWorker: 448 bytes {
        0 => status: AtomicU32,
        4 => heart_ms: AtomicU32,
        8 => turn: AtomicU32,
        12 => in_flight: AtomicU32,
        16 => connections: AtomicU32,
        20 => parked: AtomicU32,
        24 => epoch: AtomicU32,
        28 => loop_delay_us: AtomicU32,
        32 => log_lines_dropped: AtomicU32,
        36 => log_lines: AtomicU32,
        40 => spans_dropped: AtomicU32,
        44 => spans: AtomicU32,
        48 => web_sockets: AtomicU32,
        52 => messages_in: AtomicU32,
        56 => messages_out: AtomicU32,
        60 => forward_ms: AtomicU32,
        64 => retries_waiting: AtomicU32,
        68 => sheds_loop: AtomicU32,
        72 => sheds_memory: AtomicU32,
        76 => overload: AtomicU32,
        80 => forward_allowed: AtomicU32,
        84 => forward_denied: AtomicU32,
        88 => forward_failed: AtomicU32,
        92 => forward_remembered: AtomicU32,
        96 => mirrors_answered: AtomicU32,
        100 => mirrors_failed: AtomicU32,
        104 => mirrors_too_large: AtomicU32,
        108 => mirrors_no_room: AtomicU32,
        112 => mirrors_incomplete: AtomicU32,
        116 => faults_delayed: AtomicU32,
        120 => faults_aborted: AtomicU32,
        124 => faults_skipped: AtomicU32,
        128 => connections_refused: AtomicU32,
        132 => connections_closed: AtomicU32,
        136 => _unused: [u32; 14],
        192 => pins: [AtomicU32; ARENA_COUNT],
    }
}
