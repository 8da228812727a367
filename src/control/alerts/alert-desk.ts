// Tells whoever is configured that a consumer's quota runs out: each threshold once per window, consumer and quota, over all
// instances. An alert is on the disk before anything else is done about it, and stays there until it is delivered, or given up.
//
// Its id is made of what it says, so that all instances, attempts and lives give it the same one; a receiver that keeps ids sees
// each once. Which instance sends it is decided by a claim in Redis; alone, by the folder.

import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { AlertsConfig } from '../config/alerts-config.ts';
import type { Log } from '../log.ts';
import { NEVER_MS } from '../quota/calendar-window.ts';
import type { QuotaUse, QuotaWatcher } from '../quota/durable/quota-keeper.ts';
import { AlertStore, type StoredAlert } from './alert-store.ts';
import type { WebhookAnswer, WebhookTask } from './send-webhook.ts';
import { signWebhook } from './sign-webhook.ts';

const TICK_MS = 500;
// 1 s, 2 s, 4 s, … 10 min, each a quarter more or less; for a day.
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 600_000;
const GIVE_UP_MS = 86_400_000;
const CLOSE_MS_MAX = 2_000;
const PRUNE_MS = 3_600_000;
const LOG_MS = 60_000;
const GONE = 410;
const ID_CHARS = 27;

export interface AlertDeskOptions {
  /** Of the alerts, made at the first need. */
  readonly folder: string;
  /** As it is now. */
  readonly config: () => AlertsConfig | undefined;
  readonly send: (task: WebhookTask) => Promise<WebhookAnswer>;
  /** Whether this instance is the one that sends it; undefined: not known yet. Absent: there is one instance. */
  readonly claim?: (id: string, owner: string, endMs: number) => Promise<boolean | undefined>;
  readonly log: Log;
  /** Milliseconds since 1970; Date.now if not said. */
  readonly wallMs?: () => number;
}

/** For metrics. */
export interface AlertCounts {
  readonly sent: number;
  /** Attempts. */
  readonly failed: number;
  readonly pending: number;
  readonly dropped: number;
}

export class AlertDesk implements QuotaWatcher {
  readonly #options: AlertDeskOptions;
  readonly #wallMs: () => number;
  #opening: Promise<AlertStore> | undefined;
  #store: AlertStore | undefined;
  #delivering: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #loggedMs = 0;
  #prunedMs = 0;
  readonly #counts = { sent: 0, failed: 0, dropped: 0 };

  constructor(options: AlertDeskOptions) {
    this.#options = options;
    this.#wallMs = options.wallMs ?? Date.now;
  }

  /** Also sends what a former process left. */
  start(): void {
    this.#timer = setInterval(() => this.tick(), TICK_MS);
  }

  get version(): unknown {
    return this.#options.config();
  }

  get counts(): AlertCounts {
    return { ...this.#counts, pending: this.#store?.pending ?? 0 };
  }

  note(use: QuotaUse): number {
    const config = this.#options.config();
    if (config === undefined) return Number.POSITIVE_INFINITY;
    for (const share of config.at) {
      const count = Math.max(1, Math.ceil(use.need.max * share));
      if (use.used < count) return count;
      void this.#make(use, share);
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Twice a second: deliver what is due. */
  tick(): void {
    if (this.#delivering !== undefined || this.#isClosed || this.#options.config() === undefined) return;
    this.#delivering = this.#deliverAll()
      .catch((error: unknown) => this.#tell('error', `alerts cannot be kept: ${messageOf(error)}`))
      .finally(() => {
        this.#delivering = undefined;
      });
  }

  /** What is not delivered is kept. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    let timer: NodeJS.Timeout | undefined;
    const isOver = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS_MAX);
    });
    await Promise.race([this.#delivering, isOver]);
    clearTimeout(timer);
    await this.#opening?.catch(() => {});
    await this.#store?.close();
  }

  async #make(use: QuotaUse, share: number): Promise<void> {
    const digest = createHash('sha256').update(`${use.id}\n${use.need.max}\n${share}`).digest('base64url');
    const id = `msg_${digest.slice(0, ID_CHARS)}`;
    const nowMs = this.#wallMs();
    const alert: StoredAlert = {
      ...{ id, body: bodyOf(use, share, id, nowMs), createdMs: nowMs, nextMs: nowMs },
      ...{ attempts: 0, isClaimed: this.#options.claim === undefined, endMs: use.window.endMs },
    };
    try {
      const store = await this.#open();
      const dropped = store.has(id) ? -1 : await store.add(alert);
      if (dropped <= 0) return;
      this.#counts.dropped += dropped;
      this.#tell('warn', `alerts: too many wait; ${this.#counts.dropped} dropped since the start`);
    } catch (error) {
      this.#counts.dropped++;
      this.#tell('error', `alerts cannot be kept: ${messageOf(error)}`);
    }
  }

  async #deliverAll(): Promise<void> {
    const store = await this.#open();
    const nowMs = this.#wallMs();
    if (nowMs >= this.#prunedMs + PRUNE_MS) {
      this.#prunedMs = nowMs;
      await store.prune(nowMs);
    }
    while (!this.#isClosed) {
      const alert = await store.takeDue(this.#wallMs(), (due) => this.#putOff(due));
      if (alert === undefined) return;
      await this.#deliver(store, alert);
    }
  }

  async #deliver(store: AlertStore, alert: StoredAlert): Promise<void> {
    const { config, claim } = this.#options;
    const alerts = config();
    if (alerts === undefined) return;
    if (this.#wallMs() - alert.createdMs > GIVE_UP_MS) return this.#drop(store, alert, 'not delivered within a day');
    if (!alert.isClaimed) {
      const isOurs = await claim?.(alert.id, store.owner, alert.endMs);
      if (isOurs === undefined) return;
      if (!isOurs) return store.remove(alert);
      await store.claim(alert);
    }
    const { status, problem } = await this.#send(alerts, alert);
    if (status >= 200 && status <= 299) {
      await store.remove(alert);
      this.#counts.sent++;
      return;
    }
    this.#counts.failed++;
    if (status === GONE) return this.#drop(store, alert, 'the webhook answers 410');
    const why = status === 0 ? problem : `it answers ${status}`;
    this.#tell('warn', `alerts: the webhook fails (${why}); ${store.pending} wait`);
  }

  #send(alerts: AlertsConfig, { id, body }: StoredAlert): Promise<WebhookAnswer> {
    const timestamp = Math.floor(this.#wallMs() / 1_000);
    const headers = {
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signWebhook(alerts.secret, id, timestamp, body),
      'user-agent': 'sluice',
    };
    const task = { url: alerts.webhook, headers, body, timeoutMs: alerts.timeoutMs };
    return this.#options.send(task).catch(() => ({ status: 0, problem: 'the task pool ended' }));
  }

  async #drop(store: AlertStore, alert: StoredAlert, why: string): Promise<void> {
    await store.remove(alert);
    this.#counts.dropped++;
    this.#options.log('warn', `alerts: ${alert.id} is given up: ${why}`);
  }

  /** Beyond the attempt itself. */
  #putOff({ attempts }: StoredAlert): number {
    const backoff = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** attempts) * (0.75 + Math.random() / 2);
    return Math.round(backoff + (this.#options.config()?.timeoutMs ?? 0));
  }

  #open(): Promise<AlertStore> {
    this.#opening ??= AlertStore.open(this.#options.folder).then(
      (store) => {
        this.#store = store;
        return store;
      },
      (error: unknown) => {
        // The next one tries again.
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  #tell(level: 'warn' | 'error', message: string): void {
    const nowMs = this.#wallMs();
    if (nowMs - this.#loggedMs < LOG_MS) return;
    this.#loggedMs = nowMs;
    this.#options.log(level, message);
  }
}

/** As it is sent in every attempt. */
function bodyOf({ need, window, used }: QuotaUse, share: number, id: string, nowMs: number): string {
  const isTotal = window.endMs >= NEVER_MS;
  return JSON.stringify({
    type: 'quota.threshold',
    id,
    timestamp: new Date(nowMs).toISOString(),
    data: {
      consumer: need.consumer,
      quota: need.quota,
      windowStart: isTotal ? null : new Date(window.startMs).toISOString(),
      windowEnd: isTotal ? null : new Date(window.endMs).toISOString(),
      threshold: share,
      used,
      max: need.max,
      instance: hostname(),
    },
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
