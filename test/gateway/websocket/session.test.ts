// A session between two sockets that do what the test says, by a clock that the test moves.

import t from 'tap';
import { type Exchange, Phase } from '../../../src/gateway/pipeline/exchange.ts';
import type { UpstreamPlan } from '../../../src/gateway/snapshot.ts';
import { LatencyReader } from '../../../src/gateway/telemetry/latency-reader.ts';
import type { MessageSocket, SocketListener } from '../../../src/gateway/websocket/message-socket.ts';
import { Session, WAITING_BYTES_MAX } from '../../../src/gateway/websocket/session.ts';
import { Span } from '../../../src/shm/histogram-table.ts';
import { OTHER_SERIES } from '../../../src/shm/series-table.ts';
import { buildConfig } from '../../support/build-config.ts';
import { TestPlane, ToldClient } from '../../support/plane.ts';

const IDLE_MS = 1_000;
const CLOSING_MS = 5_000;
const MESSAGE_MAX = 1_000;
const KIB = 1_024;
const EPOCH = 1;

/** Remembers what it was told; its peer does nothing by itself. */
class ToldSocket implements MessageSocket {
  readonly told: string[] = [];
  waitingBytes = 0;
  canPause = true;
  listener: SocketListener | undefined;

  send(message: Uint8Array, isBinary: boolean): void {
    this.told.push(`${isBinary ? 'binary' : 'text'} ${Buffer.from(message).toString()}`);
  }
  ping(payload: Uint8Array): void {
    this.told.push(`ping ${Buffer.from(payload).toString()}`);
  }
  pause(): boolean {
    this.told.push('pause');
    return this.canPause;
  }
  resume(): void {
    this.told.push('resume');
  }
  close(code: number, reason: Uint8Array): void {
    this.told.push(`close ${code} ${Buffer.from(reason).toString()}`);
  }
  cut(): void {
    this.told.push('cut');
  }

  says(text: string): void {
    this.listener?.onMessage(Buffer.from(text), false);
  }
  pings(text: string): void {
    this.listener?.onPing(Buffer.from(text));
  }
  drains(waitingBytes: number): void {
    this.waitingBytes = waitingBytes;
    this.listener?.onDrain();
  }
  ends(code: number, reason = ''): void {
    this.listener?.onClose(code, Buffer.from(reason));
  }
}

interface Rig {
  readonly test: TestPlane;
  readonly x: Exchange;
  readonly client: ToldSocket;
  readonly upstream: ToldSocket;
  readonly session: Session;
  /** How often the session has said that it ended. */
  ends: number;
}

function open({ totalDueMs = Number.POSITIVE_INFINITY, hasClient = true } = {}): Rig {
  const test = new TestPlane();
  test.publish(buildConfig(), EPOCH);
  const x = test.plane.open(new ToldClient());
  x.phase = Phase.BACKEND;
  const client = new ToldSocket();
  const upstream = new ToldSocket();
  x.offer = {
    messageBytesMax: MESSAGE_MAX,
    accept(_headers, _protocol, listener) {
      client.listener = listener;
      return hasClient ? client : undefined;
    },
  };
  const session = new Session(x, { idleTimeoutMs: IDLE_MS } as UpstreamPlan, totalDueMs, () => {
    rig.ends++;
  });
  const rig: Rig = { test, x, client, upstream, session, ends: 0 };
  session.open([], '', (listener) => {
    upstream.listener = listener;
    return upstream;
  });
  return rig;
}

function openCount({ test }: Rig): number {
  return test.shm.control.read(test.plane.worker, 'webSockets');
}

function isOver(rig: Rig): boolean {
  return rig.test.plane.inFlight === 0 && openCount(rig) === 0 && rig.test.plane.sessions.size === 0 && rig.ends === 1;
}

t.test('messages and pings go to the other side, and are counted', async (t) => {
  const rig = open();
  rig.client.says('one');
  rig.upstream.says('three');
  rig.client.pings('p');
  rig.upstream.listener?.onMessage(Buffer.from('b'), true);
  t.same(rig.upstream.told, ['text one', 'ping p']);
  t.same(rig.client.told, ['text three', 'binary b']);
  t.same([rig.x.status, rig.x.bodyBytes, rig.x.answerBytes], [101, 3, 6]);
  const { control } = rig.test.shm;
  const { worker } = rig.test.plane;
  t.same([control.read(worker, 'messagesIn'), control.read(worker, 'messagesOut')], [1, 2]);
  t.equal(openCount(rig), 1);
});

t.test('silence for idle closes both sides with 1001; anything said, pings included, puts it off', async (t) => {
  for (const speak of [
    (rig: Rig) => rig.client.says('x'),
    (rig: Rig) => rig.upstream.says('x'),
    (rig: Rig) => rig.client.pings('x'),
    (rig: Rig) => rig.upstream.pings('x'),
  ]) {
    const rig = open();
    for (let n = 0; n < 5; n++) {
      rig.test.pass(IDLE_MS - 50);
      speak(rig);
    }
    t.notOk(rig.client.told.some((word) => word.startsWith('close')));
    rig.test.pass(IDLE_MS + 50);
    for (const { told } of [rig.client, rig.upstream]) t.equal(told.at(-1), 'close 1001 nothing was said for too long');
    for (const side of [rig.client, rig.upstream]) side.ends(1001);
    t.ok(isOver(rig));
  }
});

t.test('the total deadline holds, however much is said', async (t) => {
  const rig = open({ totalDueMs: 2_500 });
  for (let n = 0; n < 30; n++) {
    rig.client.says('x');
    rig.test.pass(100);
  }
  t.match(rig.client.told.at(-1), /^close 1001/);
});

t.test('a side that closes ends the other one with its code, and both make the end', async (t) => {
  for (const [first, second] of [
    ['client', 'upstream'],
    ['upstream', 'client'],
  ] as const) {
    const rig = open();
    rig[first].ends(4001, 'why');
    t.same(rig[second].told, ['close 4001 why']);
    rig[second].says('too late');
    t.same(rig[first].told, [], 'nothing is said any more');
    t.notOk(isOver(rig));
    rig[second].ends(4001);
    t.ok(isOver(rig));
    t.same([rig.x.clientGone, rig.x.wasCut, rig.x.status], [false, false, 101]);
  }
});

t.test('a side that breaks off cuts the other one', async (t) => {
  const left = open();
  left.client.ends(1006);
  t.same(left.upstream.told, ['cut']);
  left.upstream.ends(1006);
  t.ok(isOver(left));
  t.same([left.x.clientGone, left.x.wasCut], [true, false]);

  const broken = open();
  broken.upstream.ends(1006);
  t.same(broken.client.told, ['cut']);
  broken.client.ends(1006);
  t.ok(isOver(broken));
  t.same([broken.x.clientGone, broken.x.wasCut], [false, true]);
});

t.test('a client that has gone before its 101 ends the upstream’s side', async (t) => {
  const rig = open({ hasClient: false });
  t.same(rig.upstream.told, ['cut']);
  rig.upstream.ends(1006);
  t.ok(isOver(rig));
  t.equal(rig.x.clientGone, true);
});

t.test('who was told to close and does not is cut after a while', async (t) => {
  const rig = open();
  rig.upstream.ends(1000);
  rig.test.pass(CLOSING_MS - 100);
  t.notOk(isOver(rig));
  rig.test.pass(200);
  t.equal(rig.client.told.at(-1), 'cut');
  t.ok(isOver(rig));
  t.equal(rig.x.wasCut, true);
  rig.client.ends(1006);
  t.ok(isOver(rig), 'what comes after the end changes nothing');
});

t.test('the faster side is paused while the other has too much waiting, and goes on when half is gone', async (t) => {
  for (const [fast, slow] of [
    ['client', 'upstream'],
    ['upstream', 'client'],
  ] as const) {
    const rig = open();
    rig[slow].waitingBytes = 64 * KIB;
    rig[fast].says('fits');
    t.same(rig[fast].told, []);
    rig[slow].waitingBytes = 64 * KIB + 1;
    rig[fast].says('one more');
    rig[fast].says('under way');
    t.same(rig[fast].told, ['pause'], 'once');
    rig[slow].drains(32 * KIB + 1);
    t.same(rig[fast].told, ['pause']);
    rig[slow].drains(32 * KIB);
    t.same(rig[fast].told, ['pause', 'resume']);
    t.same(rig[slow].told, ['text fits', 'text one more', 'text under way'], 'nothing is lost');
  }
});

t.test('pings are not passed on to a side that has too much waiting', async (t) => {
  const rig = open();
  rig.upstream.waitingBytes = 64 * KIB + 1;
  rig.client.pings('x');
  t.same(rig.upstream.told, []);
});

t.test('a paused side hears of the other’s end', async (t) => {
  const rig = open();
  rig.client.waitingBytes = 64 * KIB + 1;
  rig.upstream.says('x');
  rig.client.ends(1000);
  t.same(rig.upstream.told, ['pause', 'resume', 'close 1000 ']);
});

t.test('a client that cannot be paused is closed with 1013 when too much of it waits', async (t) => {
  const rig = open();
  rig.client.canPause = false;
  rig.upstream.waitingBytes = WAITING_BYTES_MAX + MESSAGE_MAX;
  rig.client.says('still');
  t.notOk(rig.client.told.some((word) => word.startsWith('close')));
  rig.upstream.waitingBytes++;
  rig.client.says('last');
  for (const { told } of [rig.client, rig.upstream]) {
    t.equal(told.at(-1), 'close 1013 too much is waiting for the upstream');
  }
  rig.client.says('beyond');
  t.same(rig.upstream.told.slice(0, 2), ['text still', 'text last']);
  t.equal(rig.upstream.told.length, 3);
});

t.test('a worker that drains says 1001 to both sides, once, and to those who come then', async (t) => {
  const rig = open();
  rig.session.goAway();
  rig.session.goAway();
  for (const { told } of [rig.client, rig.upstream]) t.same(told, ['close 1001 the gateway is going away']);
});

t.test('a worker that ends cuts both sides, and the exchange is recorded once', async (t) => {
  const rig = open();
  rig.session.end();
  rig.session.end();
  for (const { told } of [rig.client, rig.upstream]) t.same(told, ['cut']);
  t.ok(isOver(rig));
  t.equal(rig.x.wasCut, true);
});

t.test('its latency is that of the handshake', async (t) => {
  const rig = open();
  rig.x.answerUs = rig.x.startUs + 250;
  rig.client.says('x');
  rig.test.pass(900);
  rig.client.ends(1000);
  rig.upstream.ends(1000);
  const { series, histograms } = rig.test.shm;
  t.equal(series.exchanges(OTHER_SERIES, 1), 1);
  const latency = new LatencyReader(histograms).histogram(OTHER_SERIES, Span.REQUEST);
  t.equal(latency.totalCount, 1);
  t.ok(latency.maxValue < 300, 'µs');
});

t.test('an open session pins no arena', async (t) => {
  const rig = open();
  t.ok(rig.test.shm.control.isPinned(EPOCH));
  rig.test.publish(buildConfig(), EPOCH + 1);
  rig.test.pass(10);
  t.notOk(rig.test.shm.control.isPinned(EPOCH));
  rig.client.ends(1000);
  rig.upstream.ends(1000);
  t.ok(isOver(rig));
  t.ok(rig.test.shm.control.isPinned(EPOCH + 1), 'that of now is');
});
