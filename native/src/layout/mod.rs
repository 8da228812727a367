//! Mirrors of the layouts in `src/shm/*.ts`, where fields, units, writers and protocols are described.
//!
//! Sizes and offsets are asserted when this is compiled; `tests/layout.rs` compares them with `layout.json`, which is
//! generated from the TypeScript. Words that threads share while they change are atomic; what is written once, before
//! it is shared, is a plain integer.

pub mod arena;
pub mod concurrency_table;
pub mod control_block;
pub mod histogram_table;
pub mod lease_table;
pub mod limit_table;
pub mod load_table;
pub mod nonce_table;
pub mod quota_table;
pub mod series_table;
pub mod shadow_table;
pub mod slot_index;
pub mod target_table;
pub mod trie;
pub mod try_window;
pub mod upstream_table;
pub mod usage_table;

/// A struct whose layout is described in `layout.json`.
pub struct Layout {
    /// Its name there.
    pub name: &'static str,
    /// Its size.
    pub bytes: usize,
    /// Rust names and offsets of its fields; names that begin with `_` are unused space.
    pub fields: &'static [(&'static str, usize)],
}

/// Defines a `repr(C)` struct whose size and offsets are written out, and asserts them.
macro_rules! mirror {
    (
        $(#[$attr:meta])*
        struct $name:ident: $bytes:literal bytes {
            $( $(#[$field_attr:meta])* $offset:literal => $field:ident: $type:ty, )*
        }
    ) => {
        $(#[$attr])*
        #[repr(C)]
        pub struct $name {
            $( $(#[$field_attr])* #[allow(missing_docs)] pub $field: $type, )*
        }

        const _: () = {
            assert!(core::mem::size_of::<$name>() == $bytes, concat!(stringify!($name), " has another size"));
            $( assert!(
                core::mem::offset_of!($name, $field) == $offset,
                concat!(stringify!($name), "::", stringify!($field), " has another offset")
            ); )*
        };

        impl $name {
            /// Its layout, to be compared with `layout.json`.
            pub const LAYOUT: $crate::layout::Layout = $crate::layout::Layout {
                name: stringify!($name),
                bytes: core::mem::size_of::<$name>(),
                fields: &[ $( (stringify!($field), core::mem::offset_of!($name, $field)), )* ],
            };
        }
    };
}
pub(crate) use mirror;

/// Every struct there is.
pub const LAYOUTS: &[Layout] = &[
    arena::ArenaHeader::LAYOUT,
    arena::ArenaKeySlot::LAYOUT,
    concurrency_table::ConcurrencyHeader::LAYOUT,
    concurrency_table::ConcurrencySlot::LAYOUT,
    control_block::ControlHeader::LAYOUT,
    control_block::ControlWorker::LAYOUT,
    histogram_table::HistogramBank::LAYOUT,
    histogram_table::HistogramRegion::LAYOUT,
    histogram_table::HistogramTableHeader::LAYOUT,
    lease_table::LeaseSlot::LAYOUT,
    lease_table::LeaseTableHeader::LAYOUT,
    limit_table::LimitCells::LAYOUT,
    quota_table::QuotaCalendar::LAYOUT,
    quota_table::QuotaSlot::LAYOUT,
    quota_table::QuotaTableHeader::LAYOUT,
    limit_table::LimitEntry::LAYOUT,
    limit_table::LimitRecord::LAYOUT,
    limit_table::LimitTableHeader::LAYOUT,
    load_table::LoadRow::LAYOUT,
    load_table::LoadTableHeader::LAYOUT,
    nonce_table::NonceEntry::LAYOUT,
    nonce_table::NoncePage::LAYOUT,
    nonce_table::NonceTableHeader::LAYOUT,
    series_table::Series::LAYOUT,
    series_table::SeriesBank::LAYOUT,
    series_table::SeriesTableHeader::LAYOUT,
    shadow_table::ShadowBank::LAYOUT,
    shadow_table::ShadowEntry::LAYOUT,
    shadow_table::ShadowTableHeader::LAYOUT,
    slot_index::Slot::LAYOUT,
    slot_index::SlotBucket::LAYOUT,
    target_table::Target::LAYOUT,
    target_table::TargetHeld::LAYOUT,
    target_table::TargetTableHeader::LAYOUT,
    trie::TrieHeader::LAYOUT,
    trie::TrieNode::LAYOUT,
    trie::TrieSlot::LAYOUT,
    try_window::TryWindow::LAYOUT,
    upstream_table::Upstream::LAYOUT,
    upstream_table::UpstreamTableHeader::LAYOUT,
    load_table::UpstreamLoad::LAYOUT,
    usage_table::UsageBank::LAYOUT,
    usage_table::UsageRegion::LAYOUT,
    usage_table::UsageRow::LAYOUT,
    usage_table::UsageTableHeader::LAYOUT,
];

/// Every constant that both languages need, by its name in `layout.json`.
pub const CONSTANTS: &[(&str, usize)] = &[
    ("ARENA_COUNT", control_block::ARENA_COUNT),
    ("ARENA_MAGIC", arena::ARENA_MAGIC as usize),
    ("CONCURRENCY_SLOT_COUNT", concurrency_table::CONCURRENCY_SLOT_COUNT),
    ("CONCURRENCY_SLOTS_PER_BUCKET", concurrency_table::CONCURRENCY_SLOTS_PER_BUCKET),
    ("HISTOGRAM_BANK_COUNT", histogram_table::BANK_COUNT),
    ("HISTOGRAM_BUCKET_COUNT", histogram_table::BUCKET_COUNT),
    ("LEASE_SLOT_COUNT", lease_table::LEASE_SLOT_COUNT),
    ("LEASE_SLOTS_PER_BUCKET", lease_table::LEASE_SLOTS_PER_BUCKET),
    ("LIMIT_COUNT", limit_table::LIMIT_COUNT),
    ("LIMIT_RECORD_COUNT", limit_table::LIMIT_RECORD_COUNT),
    ("LIMIT_SLOT_COUNT", limit_table::LIMIT_SLOT_COUNT),
    ("LOAD_COUNT", load_table::LOAD_COUNT),
    ("LOAD_LEVEL_COUNT", load_table::LOAD_LEVEL_COUNT),
    ("NONCE_ENTRIES_PER_PAGE", nonce_table::NONCE_ENTRIES_PER_PAGE),
    ("NONCE_PAGE_COUNT", nonce_table::NONCE_PAGE_COUNT),
    ("QUOTA_CALENDAR_COUNT", quota_table::CALENDAR_COUNT),
    ("QUOTA_SLOT_COUNT", quota_table::SLOT_COUNT),
    ("SERIES_COUNT", series_table::SERIES_COUNT),
    ("SHADOW_ENTRY_COUNT", shadow_table::ENTRY_COUNT),
    ("SLOTS_PER_BUCKET", slot_index::SLOTS_PER_BUCKET),
    ("TARGET_COUNT", target_table::TARGET_COUNT),
    ("TRIE_MAGIC", trie::TRIE_MAGIC as usize),
    ("UPSTREAM_COUNT", upstream_table::UPSTREAM_COUNT),
    ("USAGE_CALLER_COUNT", usage_table::CALLER_COUNT),
    ("USAGE_ROW_COUNT", usage_table::ROW_COUNT),
    ("USAGE_SLOT_COUNT", usage_table::SLOT_COUNT),
    ("WORKER_COUNT_MAX", control_block::WORKER_COUNT_MAX),
];
