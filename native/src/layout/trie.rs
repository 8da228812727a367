//! `src/shm/trie-layout.ts`: the route trie. Written before it is shared. Its own offsets count words of 4 bytes.

use super::mirror;

/// The first word of a trie.
pub const TRIE_MAGIC: u32 = 0x51c1_ce08;

mirror! {
    /// The start of a trie.
    struct TrieHeader: 64 bytes {
        0 => magic: u32,
        4 => word_count: u32,
        8 => slot_mask: u32,
        12 => any_host_trie: u32,
        16 => exact_chars_max: u32,
        20 => wildcard_chars_max: u32,
        24 => depth_max: u32,
        28 => text_chars_max: u32,
        32 => visits_max: u32,
        36 => node_count: u32,
        40 => _reserved: [u32; 6],
    }
}

mirror! {
    /// A slot of the child table.
    struct TrieSlot: 8 bytes {
        0 => key: u32,
        4 => child: u32,
    }
}

mirror! {
    /// A node, without the text and the lists of routes that follow it.
    struct TrieNode: 32 bytes {
        0 => parent: u32,
        4 => text_chars: i32,
        8 => longest_literal: i32,
        12 => param_child: u32,
        16 => end_mask: u32,
        20 => rest_mask: u32,
        24 => next_trie: u32,
        28 => param_count: u32,
    }
}
