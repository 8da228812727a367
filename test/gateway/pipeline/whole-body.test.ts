import t from 'tap';
import { errors } from '../../../src/gateway/pipeline/errors.ts';
import { KEPT_BYTES_MAX } from '../../../src/gateway/pipeline/kept-body.ts';
import { receiveBody } from '../../../src/gateway/pipeline/receive-body.ts';
import { onClientGone } from '../../../src/gateway/pipeline/respond.ts';
import {
  awaitBody,
  bodyBytesOf,
  GATHERED_BYTES_MAX_TOTAL,
  GATHERED_COUNT_MAX,
} from '../../../src/gateway/pipeline/whole-body.ts';
import { accessConfig } from '../../../src/gateway/policies/access/config.ts';
import { definePolicyRun } from '../../../src/gateway/policies/policy-run.ts';
import { buildConfig, buildRoute, buildService } from '../../support/build-config.ts';
import { answer, TestPlane } from '../../support/plane.ts';

const BYTES_MAX = 1_000_000;

/** What the policy saw of each body. */
function rigThat(seen: string[]): TestPlane {
  const reader = definePolicyRun<undefined>({
    name: 'access',
    prepare: () => ({
      run(x) {
        const verdict = awaitBody(x, BYTES_MAX);
        if (verdict === 0) seen.push(bodyBytesOf(x).toString('latin1'));
        return verdict;
      },
    }),
  });
  const rig = new TestPlane([reader]);
  const policies = [{ policy: 'access', config: accessConfig.schema.parse({ methods: ['POST'] }) }];
  rig.publish(buildConfig({ services: [buildService('shop', { policies, routes: [buildRoute('a', 'POST /a')] })] }), 1);
  return rig;
}

const open = (rig: TestPlane, bodyLength = 6) => rig.request('POST /a', { bodyLength, bodyEnded: bodyLength === 0 });

t.test('a policy sees the whole body, and the upstream gets it once', async (t) => {
  const seen: string[] = [];
  const rig = rigThat(seen);
  const { x, client } = open(rig);
  receiveBody(x, Buffer.from('one'), false);
  t.equal(rig.sent.length, 0);
  t.notOk(client.told.includes('pause'), 'the client goes on');
  receiveBody(x, Buffer.from('two'), true);
  t.same(seen, ['onetwo']);
  t.equal(rig.sent[0]?.body, 'onetwo');
  answer(rig.sent[0]);
  t.equal(rig.plane.keptBodyBytes, 0);
  t.equal(rig.plane.gatheringCount, 0);
  open(rig, 0);
  t.same(seen, ['onetwo', ''], 'none is whole at once');
});

t.test('it is bounded in number, in bytes of one and of all, and whoever leaves gives back', async (t) => {
  const rig = rigThat([]);
  const waiting = Array.from({ length: GATHERED_COUNT_MAX }, () => open(rig));
  t.equal(rig.plane.gatheringCount, GATHERED_COUNT_MAX);
  const more = open(rig);
  receiveBody(more.x, Buffer.alloc(6), true);
  t.equal(more.client.status, errors.PARKING_FULL.status);
  for (const { x } of waiting) onClientGone(x);
  t.equal(rig.plane.gatheringCount, 0);
  t.equal(rig.plane.parking.count, 0);

  const long = open(rig, BYTES_MAX + 1);
  t.equal(long.client.status, errors.BODY_TOO_LARGE.status);
  const chunked = open(rig, -1);
  receiveBody(chunked.x, Buffer.alloc(BYTES_MAX), false);
  receiveBody(chunked.x, Buffer.alloc(1), false);
  t.equal(chunked.client.status, errors.BODY_TOO_LARGE.status);

  const { x, client } = open(rig, 10);
  rig.plane.keptBodyBytes = GATHERED_BYTES_MAX_TOTAL - 5;
  receiveBody(x, Buffer.alloc(5), false);
  receiveBody(x, Buffer.alloc(5), true);
  t.equal(client.status, errors.PARKING_FULL.status);
  t.equal(rig.plane.keptBodyBytes, GATHERED_BYTES_MAX_TOTAL - 5, 'what it held is given back');
  t.ok(GATHERED_BYTES_MAX_TOTAL < KEPT_BYTES_MAX, 'there is room for others');
});

t.test('a body that does not come is waited for 30 s', async (t) => {
  const rig = rigThat([]);
  const { client } = open(rig);
  rig.pass(29_900);
  t.equal(client.status, 0);
  rig.pass(300 + 2_100);
  t.equal(client.status, errors.REQUEST_TIMEOUT.status);
  t.equal(rig.plane.gatheringCount, 0);
});
