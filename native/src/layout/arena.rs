//! `src/shm/arena.ts`: one snapshot's bytes. Written before the workers read it.

use super::mirror;

/// The first word of an arena.
pub const ARENA_MAGIC: u32 = 0x51c1_ce04;

mirror! {
    /// Where the parts of a snapshot lie.
    struct ArenaHeader: 128 bytes {
        0 => magic: u32,
        4 => epoch: u32,
        8 => used_bytes: u32,
        12 => gateway_at: u32,
        16 => gateway_bytes: u32,
        20 => trie_at: u32,
        24 => trie_bytes: u32,
        28 => route_count: u32,
        32 => routes_at: u32,
        36 => series_at: u32,
        40 => limit_count: u32,
        44 => limits_at: u32,
        48 => target_count: u32,
        52 => targets_at: u32,
        56 => consumer_count: u32,
        60 => consumers_at: u32,
        64 => key_capacity: u32,
        68 => keys_at: u32,
        72 => upstream_count: u32,
        76 => upstreams_at: u32,
        80 => load_count: u32,
        84 => loads_at: u32,
        88 => key_count: u32,
        92 => callers_at: u32,
        96 => _reserved: [u32; 8],
    }
}

mirror! {
    /// A slot of the table of consumers' keys.
    struct ArenaKeySlot: 40 bytes {
        0 => digest: [u32; 8],
        32 => consumer_plus_one: u32,
        36 => key_ordinal: u32,
    }
}
