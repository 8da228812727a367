// Whether a nonce is new to all instances: the main thread's side of it. Each is one SET NX of the store; what is asked in one
// turn of the loop goes out as one write.

import type { WorkerIndex } from '../../base/ids.ts';
import type { NonceAnswer, NonceQuestion } from '../../gateway/worker-messages.ts';
import type { RedisConnection } from '../redis/redis-connection.ts';
import { script } from '../redis/script.ts';
import { STORE_PREFIX } from '../redis/store-prefix.ts';

const NEW = 1;

/** KEYS[1] the nonce, ARGV[1] ms to remember it. @returns 1 when it is new, else 0 */
const remember = script('nonce', `return redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[1]) and ${NEW} or 0`);

export interface NonceDeskOptions {
  readonly connection: Pick<RedisConnection, 'run'>;
  readonly workers: { answerNonce(worker: WorkerIndex, answer: NonceAnswer): void };
}

export class NonceDesk {
  readonly #options: NonceDeskOptions;

  constructor(options: NonceDeskOptions) {
    this.#options = options;
  }

  /** Answers in COMMAND_TIMEOUT_MS, whatever the store does. Never rejects. */
  async ask(worker: WorkerIndex, [number, digest, ttlMs]: NonceQuestion): Promise<void> {
    const reply = await this.#options.connection.run(remember, [`${STORE_PREFIX}:nonce:${digest}`], [ttlMs]);
    const isNew = reply.ok ? reply.value === NEW : undefined;
    this.#options.workers.answerNonce(worker, [number, isNew]);
  }
}
