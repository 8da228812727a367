// Everything that one gateway worker works with. No state outlives it: a replaced worker's thread may be used again.

import { assertNever } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { WorkerIndex } from '../base/ids.ts';
import { Arena } from '../shm/arena.ts';
import type { SharedMemory } from '../shm/shared-memory.ts';
import { Mirrors } from './backends/mirrors.ts';
import { Explanation } from './explain/explanation.ts';
import { LiveSnapshot } from './live-snapshot.ts';
import { AskedLeases } from './pipeline/asked-leases.ts';
import { AskedLimits } from './pipeline/asked-limits.ts';
import { AskedNonces } from './pipeline/asked-nonces.ts';
import { Deadlines } from './pipeline/deadlines.ts';
import { errors } from './pipeline/errors.ts';
import { type ClientStream, Exchange, Phase } from './pipeline/exchange.ts';
import { resume } from './pipeline/handle.ts';
import { Overload } from './pipeline/overload.ts';
import { Parking } from './pipeline/parking.ts';
import { requestId } from './pipeline/request-id.ts';
import { cut, refuse, sendAnswer } from './pipeline/respond.ts';
import { SlowBodies } from './pipeline/slow-bodies.ts';
import { PasswordDesk } from './policies/auth/basic/password-desk.ts';
import { ForwardDesk } from './policies/auth/forward/forward-desk.ts';
import { TokenDesk } from './policies/auth/jwt/token-desk.ts';
import type { PolicyRun } from './policies/policy-run.ts';
import { RouteMatch } from './router/match-route.ts';
import { AccessLog } from './telemetry/access-log.ts';
import { type LogIo, nodeLogIo } from './telemetry/log-io.ts';
import { traceOf } from './telemetry/trace-context.ts';
import { Tracer } from './telemetry/tracer.ts';
import { UsageMeter } from './telemetry/usage-meter.ts';
import { WorkerLoads } from './upstream/load/worker-loads.ts';
import { TransportPools } from './upstream/transport-pools.ts';
import type { Transport, TransportOptions } from './upstream/transports/transport.ts';
import type { Session } from './websocket/session.ts';
import type { KeyCurb, LeaseQuestion, LimitQuestion, NonceQuestion, QuotaNeed } from './worker-messages.ts';

export interface DataPlaneOptions {
  readonly shm: SharedMemory;
  readonly worker: WorkerIndex;
  readonly clock: Clock;
  /** Of secrets in snapshots (src/base/sealed.ts). */
  readonly sealKey: Uint8Array;
  /** Milliseconds since 1970; Date.now if not said. */
  readonly wallMs?: () => number;
  readonly policies: readonly PolicyRun[];
  readonly createTransport: (options: TransportOptions) => Transport;
  /** How passwords are hashed, off this thread; by node:crypto if not said. */
  readonly derivePassword?: ConstructorParameters<typeof PasswordDesk>[2];
  /** How the access log is written; by node:fs if not said. */
  readonly logIo?: LogIo;
  /** The access log, or an issuer's keys, have a trouble that the owner should know of. */
  readonly onLogTrouble?: (message: string) => void;
  /** A rate limit is to be decided by another process; only after askedLimits.set(true). */
  readonly onLimitQuestion?: (question: LimitQuestion) => void;
  /** A request found nothing in its share of a limit over instances. */
  readonly onLeaseQuestion?: (question: LeaseQuestion) => void;
  /** Has a nonce been used at another instance? */
  readonly onNonceQuestion?: (question: NonceQuestion) => void;
  /** The main thread is to take a block from a durable counter. */
  readonly onQuotaNeed?: (need: QuotaNeed) => void;
}

export class DataPlane {
  readonly shm: SharedMemory;
  readonly worker: WorkerIndex;
  readonly clock: Clock;
  readonly sealKey: Uint8Array;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  readonly pools: TransportPools;
  readonly loads: WorkerLoads;
  readonly overload: Overload;
  readonly deadlines: Deadlines;
  readonly parking: Parking;
  readonly slowBodies: SlowBodies;
  readonly askedLimits: AskedLimits;
  readonly askedLeases: AskedLeases;
  readonly askedNonces: AskedNonces;
  readonly needQuota: (need: QuotaNeed) => void;
  readonly accessLog: AccessLog;
  readonly tracer: Tracer;
  readonly usage: UsageMeter;
  readonly mirrors: Mirrors;
  /** Tokens that were verified, and those that are being. */
  readonly tokens: TokenDesk;
  /** Passwords that were verified, and those that are being. */
  readonly passwords: PasswordDesk;
  /** What authorisers outside said, and those that are being asked. */
  readonly authorisers: ForwardDesk;
  /** Reused by every match. */
  readonly match = new RouteMatch();
  /** Bytes of request bodies kept for exchanges that wait (kept-body.ts). */
  keptBodyBytes = 0;
  /** Exchanges that wait for their whole bodies (whole-body.ts), and how many ever did. */
  gatheringCount = 0;
  lastGathering = 0;
  /** Exchanges between two tries at their upstream. */
  retriesWaiting = 0;
  /** Open WebSockets. */
  readonly sessions = new Set<Session>();
  /** Answers handed over whose bytes the client has not all taken. */
  flushing = 0;
  readonly #policies: ReadonlyMap<string, PolicyRun>;
  readonly #attached = new Map<number, LiveSnapshot>();
  /** Credentials that a snapshot which is attached may not know to count no longer. */
  #curbs: readonly KeyCurb[] = [];
  #current: LiveSnapshot | undefined;
  #inFlight = 0;

  constructor(options: DataPlaneOptions) {
    this.shm = options.shm;
    this.worker = options.worker;
    this.clock = options.clock;
    this.sealKey = options.sealKey;
    this.wallMs = options.wallMs ?? Date.now;
    this.pools = new TransportPools(options.createTransport);
    this.loads = new WorkerLoads(this.shm.loads, this.worker, this.clock);
    this.overload = new Overload(this.shm.control, this.worker);
    this.#policies = new Map(options.policies.map((policy) => [policy.name, policy]));
    this.tracer = new Tracer(this.shm.control, this.worker);
    this.usage = new UsageMeter(this.shm.usage, this.worker, this.wallMs);
    this.mirrors = new Mirrors(this.shm.control, this.worker);
    this.deadlines = new Deadlines(this.clock.nowUs() / 1_000, expire);
    this.slowBodies = new SlowBodies(this.clock.nowUs() / 1_000);
    this.accessLog = new AccessLog({
      control: this.shm.control,
      worker: this.worker,
      clock: this.clock,
      io: options.logIo ?? nodeLogIo,
      wallMs: this.wallMs,
      onTrouble: options.onLogTrouble ?? (() => {}),
    });
    this.parking = new Parking(resume, (x, ms) => this.deadlines.arm(x, ms));
    this.tokens = new TokenDesk(this.parking, this.clock, this.wallMs, options.onLogTrouble ?? (() => {}));
    this.passwords = new PasswordDesk(this.parking, this.clock, options.derivePassword);
    this.authorisers = new ForwardDesk(this);
    this.needQuota = options.onQuotaNeed ?? (() => {});
    this.askedLimits = new AskedLimits(this.parking, options.onLimitQuestion ?? (() => {}));
    this.askedLeases = new AskedLeases(this.parking, options.onLeaseQuestion ?? (() => {}));
    this.askedNonces = new AskedNonces(this.parking, options.onNonceQuestion ?? (() => {}));
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  policy(name: string): PolicyRun {
    const policy = this.#policies.get(name);
    if (policy === undefined) throw new Error(`no policy is called ${name}: the registries differ`);
    return policy;
  }

  /** Hold a snapshot ready; requests meet it once the control block's epoch names it. */
  attach(arenaIndex: number, buffer: SharedArrayBuffer): void {
    const arena = new Arena(buffer);
    if (this.#attached.has(arena.get('epoch'))) return;
    const snapshot = new LiveSnapshot(this, arenaIndex, arena);
    // Snapshots are made in the order of the versions: what this one knows, all later ones do.
    this.#curbs = this.#curbs.filter(([version]) => version > snapshot.catalogVersion);
    snapshot.curb(this.#curbs);
    this.#attached.set(snapshot.epoch, snapshot);
    this.shm.control.pin(this.worker, arenaIndex);
  }

  /** Credentials count no longer, or not for so long, whatever snapshots say. */
  curb(curbs: readonly KeyCurb[]): void {
    this.#curbs = [...this.#curbs, ...curbs];
    for (const snapshot of this.#attached.values()) snapshot.curb(curbs);
  }

  /** Let go of snapshots that were passed over: attached, but their epoch was never raised. */
  discard(epoch: number): void {
    const snapshot = this.#attached.get(epoch);
    if (snapshot !== undefined && snapshot !== this.#current) this.#releaseIfIdle(snapshot);
  }

  /** A new exchange on the snapshot of now. @hot */
  open(stream: ClientStream): Exchange {
    this.shm.control.countTurn(this.worker);
    const snapshot = this.#snapshotOfNow();
    snapshot.inFlight++;
    this.#inFlight++;
    this.shm.control.write(this.worker, 'inFlight', this.#inFlight);
    return new Exchange(this, stream, snapshot, this.clock.nowUs());
  }

  /** What an exchange needs before any decision, refusals included. @hot */
  begin(x: Exchange): void {
    x.requestId = requestId(x.header('x-request-id'));
    x.peerTrusted = x.snapshot.trustedProxies.trusts(x.peerAddress);
    x.clientAddress = x.peerTrusted
      ? x.snapshot.trustedProxies.clientOf(x.peerAddress, x.headerValues('x-forwarded-for'))
      : x.peerAddress;
    const { tracing } = x.snapshot;
    if (tracing !== undefined) x.trace = traceOf(x, tracing);
    if (x.explainHeader !== '') this.#explain(x);
  }

  /** Its client asks how it is decided. */
  #explain(x: Exchange): void {
    if (x.snapshot.explain?.allows(x, this.wallMs() / 1_000) === true) x.explanation = new Explanation(x);
  }

  /** Whether the peer of a connection is one; before the first request nobody is. */
  isTrustedProxy(address: string): boolean {
    return this.#current?.trustedProxies.trusts(address) === true;
  }

  /** Give back what an exchange held. Called by finish() only. @hot */
  end(x: Exchange): void {
    this.deadlines.disarm(x);
    if (x.isBodyWatched) this.slowBodies.leave(x);
    if (x.permits !== undefined) {
      for (const slot of x.permits) this.shm.concurrency.release(slot, this.worker);
      x.permits = undefined;
    }
    if (x.load !== undefined) x.load.leave(x);
    this.#inFlight--;
    this.shm.control.write(this.worker, 'inFlight', this.#inFlight);
    if (x.isPinned) this.unpin(x);
  }

  /**
   * The exchange looks at its snapshot's arena no more. A WebSocket may outlive hundreds of snapshots, and there are 64
   * arenas. Its route's series is another's only once all 16,384 are used up.
   */
  unpin(x: Exchange): void {
    x.isPinned = false;
    if (--x.snapshot.inFlight === 0 && x.snapshot !== this.#current) this.#releaseIfIdle(x.snapshot);
  }

  /** Whether the peer of a connection may say, before any request, whose it is. */
  trustsProxy(address: string): boolean {
    return this.#snapshotOfNow().trustedProxies.trusts(address);
  }

  /** @hot */
  isDraining(): boolean {
    return this.shm.control.isDraining();
  }

  /** The worker's tick, every TICK_MS. */
  tick(): void {
    this.shm.control.countTurn(this.worker);
    // While it starts, a worker may see an epoch that it is about to attach.
    if (this.#current !== undefined || this.#attached.has(this.shm.control.epoch())) this.#snapshotOfNow();
    const nowMs = this.clock.nowUs() / 1_000;
    this.deadlines.advance(nowMs);
    this.slowBodies.tick(nowMs);
    if (this.authorisers.isActive) this.authorisers.tick(nowMs);
    if (this.mirrors.count > 0) this.mirrors.tick(nowMs);
    this.loads.tick(nowMs);
    if (this.#current !== undefined) this.overload.tick(this.#current.plan.overload, nowMs);
    this.shm.control.write(this.worker, 'parked', this.parking.count);
    this.shm.control.write(this.worker, 'retriesWaiting', this.retriesWaiting);
    this.usage.tick(nowMs);
    this.accessLog.tick();
  }

  #snapshotOfNow(): LiveSnapshot {
    const epoch = this.shm.control.epoch();
    const current = this.#current;
    if (current !== undefined && current.epoch === epoch) return current;
    const next = this.#attached.get(epoch);
    if (next === undefined) throw new Error(`epoch ${epoch} was raised before worker ${this.worker} attached it`);
    this.#current = next;
    this.accessLog.use(next.plan.accessLog?.file);
    this.shm.control.write(this.worker, 'epoch', epoch);
    for (const old of this.#attached.values()) if (old.epoch < epoch) this.#releaseIfIdle(old);
    return next;
  }

  #releaseIfIdle(snapshot: LiveSnapshot): void {
    if (snapshot.inFlight > 0 || !this.#attached.delete(snapshot.epoch)) return;
    snapshot.release();
    this.shm.control.unpin(this.worker, snapshot.arenaIndex);
  }
}

/** An exchange's deadline has come. */
function expire(x: Exchange): void {
  switch (x.phase) {
    case Phase.PARKED:
      return x.plane.parking.expire(x);
    case Phase.BACKEND:
      return x.call === undefined ? cut(x) : x.call.expire();
    case Phase.DISCARDING:
      // Its client sends too slowly to be lingered for.
      x.closeAfter = true;
      return sendAnswer(x);
    case Phase.DECIDING:
      return refuse(x, errors.INTERNAL.id);
    case Phase.DONE:
      return;
    default:
      return assertNever(x.phase);
  }
}
