// Deciding about a request by limits in shared memory.

import { monotonicClock } from '../../src/base/clock.ts';
import { SeededHash } from '../../src/base/hash.ts';
import type { LimitIndex, WorkerIndex } from '../../src/base/ids.ts';
import { LimitRegistry } from '../../src/control/quota/limit-registry.ts';
import { chargeLimit, LimitReading } from '../../src/gateway/limiter/charge-limit.ts';
import { Limit } from '../../src/gateway/limiter/limit.ts';
import { ConcurrencyTable } from '../../src/shm/concurrency-table.ts';
import { LIMIT_COUNT, LimitTable } from '../../src/shm/limit-table.ts';
import { sink } from '../support/sink.ts';
import type { MicroCase } from './micro-case.ts';

// A power of two, so that taking turns costs one AND.
const KEY_COUNT = 1_024;
const KEY_TURN_MASK = KEY_COUNT - 1;
const FULL_COUNT = 2 ** 20;
const FULL_SLOT_COUNT = 2 ** 21;

export function limitCases(): readonly MicroCase[] {
  const clock = clockCase();
  return [
    clock,
    hashCase(),
    chargeCase('rate limit: decision', clock.name, false),
    fullTableCase(KEY_COUNT, 'rate limit: decision, few of a million keys', 'rate limit: decision'),
    fullTableCase(FULL_COUNT, 'rate limit: decision, any of a million keys', 'rate limit: decision'),
    chargeCase('rate limit: hash and decision', clock.name, true),
    concurrencyCase(),
  ];
}

function clockCase(): MicroCase {
  return {
    name: 'clock reading',
    prepare() {
      const clock = monotonicClock();
      return () => {
        sink.number += clock.nowUs();
      };
    },
  };
}

function addresses(): readonly string[] {
  return Array.from({ length: KEY_COUNT }, (_, key) => `10.0.${key >> 8}.${key & 255}`);
}

function hashCase(): MicroCase {
  return {
    name: 'hash of an address',
    prepare() {
      const hash = new SeededHash(3, 4);
      const keys = addresses();
      let turn = 0;
      return () => {
        hash.hash(1, 2, keys[turn++ & KEY_TURN_MASK] as string);
        sink.number += hash.low;
      };
    },
  };
}

/** @param isHashed  the key's hash is part of what is measured */
function chargeCase(name: string, against: string, isHashed: boolean): MicroCase {
  return {
    name,
    against,
    prepare() {
      const clock = monotonicClock();
      const table = LimitTable.create();
      const registry = new LimitRegistry(table, clock);
      const resolved = registry.resolve([
        { idLow: 1, idHigh: 2, name: 'bench', tokensPerSecond: 1_000_000, burst: 1_000_000 },
      ]);
      if (!resolved.ok) throw new Error(resolved.error);
      registry.commit();
      const limit = new Limit(table, resolved.value[0] as LimitIndex);
      const reading = new LimitReading();
      const hash = new SeededHash(3, 4);
      const keys = addresses();
      const hashes = keys.map((key) => {
        hash.hash(1, 2, key);
        return [hash.low, hash.high] as const;
      });
      let turn = 0;
      if (!isHashed) {
        return () => {
          const [low, high] = hashes[turn++ & KEY_TURN_MASK] as (typeof hashes)[number];
          sink.number += chargeLimit(limit, table, low, high, clock, reading);
        };
      }
      return () => {
        hash.hash(1, 2, keys[turn++ & KEY_TURN_MASK] as string);
        sink.number += chargeLimit(limit, table, hash.low, hash.high, clock, reading);
      };
    },
  };
}

/** A table with a million keys in debt. @param keyCount  so many of them are asked for */
function fullTableCase(keyCount: number, name: string, against: string): MicroCase {
  return {
    name,
    against,
    prepare() {
      const clock = monotonicClock();
      const table = LimitTable.create(LIMIT_COUNT, FULL_SLOT_COUNT);
      const registry = new LimitRegistry(table, clock);
      // So slow that no key is out of debt again while it is measured.
      const resolved = registry.resolve([{ idLow: 1, idHigh: 2, name: 'bench', tokensPerSecond: 1, burst: 1_000_000 }]);
      if (!resolved.ok) throw new Error(resolved.error);
      registry.commit();
      const limit = new Limit(table, resolved.value[0] as LimitIndex);
      const reading = new LimitReading();
      const hash = new SeededHash(3, 4);
      const hashes = new Int32Array(2 * FULL_COUNT);
      for (let key = 0; key < FULL_COUNT; key++) {
        hash.hash(1, 2, `10.${key >> 16}.${(key >> 8) & 255}.${key & 255}`);
        hashes.set([hash.low, hash.high], 2 * key);
        chargeLimit(limit, table, hash.low, hash.high, clock, reading);
      }
      const mask = keyCount - 1;
      let turn = 0;
      return () => {
        // A step that is prime to the count: neighbours in time are none in memory.
        const key = (turn++ * 514_229) & mask;
        sink.number += chargeLimit(limit, table, hashes[2 * key] ?? 0, hashes[2 * key + 1] ?? 0, clock, reading);
      };
    },
  };
}

function concurrencyCase(): MicroCase {
  return {
    name: 'concurrency: acquire and release',
    prepare() {
      const table = ConcurrencyTable.create(1);
      const worker = 0 as WorkerIndex;
      let turn = 0;
      return () => {
        const slot = table.acquire(turn++ & KEY_TURN_MASK, 7, 100, worker);
        table.release(slot, worker);
        sink.number += slot;
      };
    },
  };
}
