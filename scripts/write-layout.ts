// Writes native/layout.json: the layouts of src/shm as data, in bytes, for whoever reads the same memory in another
// language. `npm run layout` after a layout changed; then native/src/layout has to follow, or its test fails.

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ARENA_HEADER_BYTES, ARENA_MAGIC, arenaFields, KEY_SLOT_WORDS } from '../src/shm/arena.ts';
import { CONCURRENCY_SLOT_COUNT, concurrencyTableLayout } from '../src/shm/concurrency-table.ts';
import { ARENA_COUNT, controlBlockLayout, WORKER_COUNT_MAX } from '../src/shm/control-block.ts';
import { histogramTableLayout } from '../src/shm/histogram-table.ts';
import { LEASE_SLOT_COUNT, leaseTableLayout } from '../src/shm/lease-table.ts';
import { LIMIT_COUNT, LIMIT_SLOT_COUNT, limitTableLayout } from '../src/shm/limit-table.ts';
import { loadTableLayout } from '../src/shm/load-table.ts';
import { NONCE_PAGE_COUNT, nonceTableLayout } from '../src/shm/nonce-table.ts';
import { CALENDAR_COUNT, QUOTA_SLOT_COUNT, quotaTableLayout } from '../src/shm/quota-table.ts';
import { seriesTableLayout } from '../src/shm/series-table.ts';
import { SHADOW_ENTRY_COUNT, shadowTableLayout } from '../src/shm/shadow-table.ts';
import { slotIndexLayout } from '../src/shm/slot-index.ts';
import { targetTableLayout } from '../src/shm/target-table.ts';
import * as trie from '../src/shm/trie-layout.ts';
import { TRY_WINDOW_BYTES, tryWindowLayout } from '../src/shm/try-window.ts';
import { upstreamTableLayout } from '../src/shm/upstream-table.ts';
import { CALLER_COUNT, usageTableLayout } from '../src/shm/usage-table.ts';

/** A fixed piece of memory: its size, and where its fields lie. Without fields, only the size is given. */
interface Struct {
  readonly bytes: number;
  readonly fields: Readonly<Record<string, number>>;
}

interface Layout {
  readonly structs: Readonly<Record<string, Struct>>;
  readonly constants: Readonly<Record<string, number>>;
}

const WORD_BYTES = 4;

const layout: Layout = {
  structs: {
    ArenaHeader: { bytes: ARENA_HEADER_BYTES, fields: arenaFields },
    ArenaKeySlot: { bytes: KEY_SLOT_WORDS * WORD_BYTES, fields: {} },
    // The header ends where the slots begin.
    ConcurrencyHeader: { bytes: concurrencyTableLayout.slotsByte, fields: concurrencyTableLayout.header },
    ConcurrencySlot: { bytes: concurrencyTableLayout.slotBytes, fields: concurrencyTableLayout.slot },
    ControlHeader: { bytes: controlBlockLayout.headerBytes, fields: controlBlockLayout.header },
    ControlWorker: { bytes: controlBlockLayout.workerBytes, fields: controlBlockLayout.worker },
    HistogramBank: { bytes: histogramTableLayout.bankBytes, fields: {} },
    HistogramRegion: { bytes: histogramTableLayout.regionBytes, fields: histogramTableLayout.region },
    // The header ends where the regions begin.
    HistogramTableHeader: {
      bytes: histogramTableLayout.regionsByte,
      fields: { generations: histogramTableLayout.headerBytes },
    },
    LeaseSlot: { bytes: leaseTableLayout.slotBytes, fields: leaseTableLayout.slot },
    LeaseTableHeader: { bytes: leaseTableLayout.headerBytes, fields: leaseTableLayout.header },
    LimitCells: { bytes: limitTableLayout.cellsBytes, fields: { cells: 0 } },
    LimitEntry: {
      bytes: limitTableLayout.entryBytes,
      fields: { ...limitTableLayout.entry, records: limitTableLayout.recordsByte },
    },
    LimitRecord: { bytes: limitTableLayout.recordBytes, fields: limitTableLayout.record },
    LimitTableHeader: { bytes: limitTableLayout.headerBytes, fields: limitTableLayout.header },
    LoadRow: { bytes: loadTableLayout.rowBytes, fields: loadTableLayout.row },
    LoadTableHeader: { bytes: loadTableLayout.headerBytes, fields: loadTableLayout.header },
    NonceEntry: { bytes: nonceTableLayout.entryBytes, fields: nonceTableLayout.entry },
    NoncePage: { bytes: nonceTableLayout.pageBytes, fields: nonceTableLayout.page },
    NonceTableHeader: { bytes: nonceTableLayout.headerBytes, fields: nonceTableLayout.header },
    Series: { bytes: seriesTableLayout.seriesBytes, fields: seriesTableLayout.series },
    SeriesBank: {
      bytes: seriesTableLayout.bankBytes,
      fields: {
        rejections: 0,
        rejectionsHigh: seriesTableLayout.rejectionsHighByte,
        series: seriesTableLayout.rejectionsBytes,
      },
    },
    SeriesTableHeader: { bytes: seriesTableLayout.banksByte, fields: { bases: seriesTableLayout.headerBytes } },
    QuotaCalendar: { bytes: quotaTableLayout.calendarBytes, fields: quotaTableLayout.calendar },
    QuotaSlot: { bytes: quotaTableLayout.slotBytes, fields: quotaTableLayout.slot },
    QuotaTableHeader: {
      bytes: quotaTableLayout.slotsByte,
      fields: { ...quotaTableLayout.header, calendars: quotaTableLayout.calendarsByte },
    },
    ShadowBank: { bytes: shadowTableLayout.bankBytes, fields: shadowTableLayout.bank },
    ShadowEntry: { bytes: shadowTableLayout.entryBytes, fields: shadowTableLayout.entry },
    ShadowTableHeader: { bytes: shadowTableLayout.headerBytes, fields: shadowTableLayout.header },
    Slot: { bytes: slotIndexLayout.slotBytes, fields: slotIndexLayout.slot },
    SlotBucket: { bytes: slotIndexLayout.bucketBytes, fields: slotIndexLayout.bucket },
    Target: { bytes: targetTableLayout.targetBytes, fields: targetTableLayout.target },
    TargetHeld: { bytes: targetTableLayout.heldBytes, fields: targetTableLayout.held },
    TargetTableHeader: { bytes: targetTableLayout.headerBytes, fields: targetTableLayout.header },
    TrieHeader: { bytes: trie.TRIE_HEADER_WORDS * WORD_BYTES, fields: wordsToBytes(trie.trieHeader) },
    TrieNode: { bytes: trie.TRIE_NODE_WORDS * WORD_BYTES, fields: wordsToBytes(trieNodeFields()) },
    TrieSlot: { bytes: trie.TRIE_SLOT_WORDS * WORD_BYTES, fields: {} },
    TryWindow: { bytes: TRY_WINDOW_BYTES, fields: tryWindowLayout },
    Upstream: { bytes: upstreamTableLayout.upstreamBytes, fields: upstreamTableLayout.upstream },
    UpstreamTableHeader: { bytes: upstreamTableLayout.headerBytes, fields: {} },
    UpstreamLoad: { bytes: loadTableLayout.upstreamBytes, fields: loadTableLayout.upstream },
    UsageBank: { bytes: usageTableLayout.bankBytes, fields: usageTableLayout.bank },
    UsageRegion: { bytes: usageTableLayout.regionBytes, fields: usageTableLayout.region },
    UsageRow: { bytes: usageTableLayout.rowBytes, fields: wordsToBytes(usageTableLayout.row) },
    UsageTableHeader: { bytes: usageTableLayout.headerBytes, fields: usageTableLayout.header },
  },
  constants: {
    ARENA_COUNT,
    ARENA_MAGIC,
    CONCURRENCY_SLOT_COUNT,
    CONCURRENCY_SLOTS_PER_BUCKET: concurrencyTableLayout.slotsPerBucket,
    HISTOGRAM_BANK_COUNT: histogramTableLayout.bankCount,
    HISTOGRAM_BUCKET_COUNT: histogramTableLayout.bucketCount,
    LEASE_SLOT_COUNT,
    LEASE_SLOTS_PER_BUCKET: leaseTableLayout.slotsPerBucket,
    LIMIT_COUNT,
    LIMIT_RECORD_COUNT: limitTableLayout.recordCount,
    LIMIT_SLOT_COUNT,
    LOAD_COUNT: loadTableLayout.loadCount,
    LOAD_LEVEL_COUNT: loadTableLayout.levelCount,
    NONCE_ENTRIES_PER_PAGE: nonceTableLayout.entriesPerPage,
    NONCE_PAGE_COUNT,
    QUOTA_CALENDAR_COUNT: CALENDAR_COUNT,
    QUOTA_SLOT_COUNT,
    SERIES_COUNT: seriesTableLayout.seriesCount,
    SHADOW_ENTRY_COUNT,
    SLOTS_PER_BUCKET: slotIndexLayout.slotsPerBucket,
    TARGET_COUNT: targetTableLayout.targetCount,
    TRIE_MAGIC: trie.TRIE_MAGIC,
    UPSTREAM_COUNT: upstreamTableLayout.upstreamCount,
    USAGE_CALLER_COUNT: CALLER_COUNT,
    USAGE_ROW_COUNT: usageTableLayout.rowCount,
    USAGE_SLOT_COUNT: usageTableLayout.slotCount,
    WORKER_COUNT_MAX,
  },
};

/** The text of native/layout.json. */
export function layoutJson(): string {
  return `${JSON.stringify(layout, null, 2)}\n`;
}

/** NODE_TEXT_CHARS is textChars: a node's offsets are constants of their own there. */
function trieNodeFields(): Record<string, number> {
  const offsets = Object.entries(trie).filter((entry): entry is [string, number] => entry[0].startsWith('NODE_'));
  return Object.fromEntries(
    offsets.sort((a, b) => a[1] - b[1]).map(([name, word]) => [camelCase(name.slice(5)), word]),
  );
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function wordsToBytes(fields: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(fields).map(([name, word]) => [name, word * WORD_BYTES]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // From dist/scripts.
  writeFileSync(new URL('../../native/layout.json', import.meta.url), layoutJson());
}
