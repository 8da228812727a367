import t, { type Test } from 'tap';
import { receiveBody } from '../../../src/gateway/pipeline/receive-body.ts';
import { onClientGone } from '../../../src/gateway/pipeline/respond.ts';
import { SLOW_BODY_GRACE_MS } from '../../../src/gateway/pipeline/slow-bodies.ts';
import { configOf } from '../../control/config/read.ts';
import { TestPlane } from '../../support/plane.ts';
import { publishLimits } from '../../support/publish-limits.ts';

const GRACE_S = SLOW_BODY_GRACE_MS / 1_000;

/** A request whose body has begun, and a second in which some of it comes. */
function upload(t: Test, limits: string) {
  const rig = new TestPlane();
  publishLimits(
    rig,
    configOf(`version: 1
gateway: { limits: { ${limits} } }
upstreams: { main: { targets: ["http://127.0.0.1:9001"], timeouts: { idle: 1h, response: 1h, total: 1h } } }
services: { shop: { upstream: main, routes: { a: { match: POST /a } } } }
`),
    1,
  );
  const { x, client } = rig.request('POST /a', { bodyLength: 1_000_000, bodyEnded: false });
  receiveBody(x, Buffer.alloc(1), false);
  t.equal(rig.plane.slowBodies.count, limits.includes('none') ? 0 : 1);
  const second = (bytes: number, seconds = 1): void => {
    for (let i = 0; i < seconds; i++) {
      if (bytes > 0) receiveBody(x, Buffer.alloc(bytes), false);
      rig.clock.us += 1_000_000;
      rig.plane.tick();
    }
  };
  return { rig, x, client, second };
}

t.test('a body that drips is cut when its grace is over, with 408, and so is one that stops', async (t) => {
  for (const bytes of [0, 1]) {
    const { rig, x, client, second } = upload(t, 'minBodyRate: 100B/s');
    second(bytes, GRACE_S);
    t.equal(client.status, 0, 'nothing is asked of it at first');
    second(bytes, 2);
    t.equal(client.status, 408);
    t.match(client.body, /the body comes too slowly/);
    t.ok(x.closeAfter, 'nothing more is read from this connection');
    t.equal(rig.plane.slowBodies.count, 0);
  }
});

t.test('a body that keeps its pace over all may stall now and then', async (t) => {
  const { client, second } = upload(t, 'minBodyRate: 100B/s');
  second(2_000, 1);
  second(0, GRACE_S + 19);
  t.equal(client.status, 0, 'it was ahead by 20 s');
  second(0, 2);
  t.equal(client.status, 408);
});

t.test('a body that has to wait for its upstream is not slow', async (t) => {
  const { x, client, second } = upload(t, 'minBodyRate: 100B/s');
  x.bodyPaused = true;
  second(0, 100);
  t.equal(client.status, 0);
  x.bodyPaused = false;
  second(0, GRACE_S + 1);
  t.equal(client.status, 408, 'from then on it is');
});

t.test('a loop that was held up counts for a second, however long it was', async (t) => {
  const { rig, client } = upload(t, 'minBodyRate: 100B/s');
  rig.clock.us += 60_000_000;
  rig.plane.tick();
  t.equal(client.status, 0);
});

t.test('with its last piece, with its exchange and with none it is looked after no more', async (t) => {
  const last = upload(t, 'minBodyRate: 100B/s');
  receiveBody(last.x, Buffer.alloc(1), true);
  t.equal(last.rig.plane.slowBodies.count, 0);
  const gone = upload(t, 'minBodyRate: 100B/s');
  onClientGone(gone.x);
  t.equal(gone.rig.plane.slowBodies.count, 0);
  const none = upload(t, 'minBodyRate: none');
  none.second(0, 3_000);
  t.equal(none.client.status, 0);
});
