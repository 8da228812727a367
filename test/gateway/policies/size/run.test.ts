import t from 'tap';
import { receiveBody } from '../../../../src/gateway/pipeline/receive-body.ts';
import { configOf, issuesOf, shop } from '../../../control/config/read.ts';
import { TestPlane } from '../../../support/plane.ts';

const routes = '    routes: { any: { match: "ANY /orders" } }';

function planeOf(policies: string): TestPlane {
  const plane = new TestPlane();
  plane.publish(configOf(shop(`    policies: [${policies}]\n${routes}`)), 1);
  return plane;
}

function codeOf(body: string): string {
  return body === '' ? '' : JSON.parse(body).code;
}

t.test('what is larger than it may be is refused, to the byte', async (t) => {
  const plane = planeOf('size: { body: 10B, headers: 20B, query: 4B }');
  const sent = (line: string, fields: object) => codeOf(plane.request(line, fields).client.body);
  t.equal(sent('POST /orders?a=12', { bodyLength: 10 }), '');
  t.equal(sent('POST /orders', { bodyLength: 11, bodyEnded: true }), 'BODY_TOO_LARGE');
  t.equal(sent('GET /orders?a=123', {}), 'URI_TOO_LONG');
  // Two headers: name, colon, space, value, line end.
  t.equal(sent('GET /orders', { headers: ['a', '12345', 'b', '12345'] }), '');
  t.equal(sent('GET /orders', { headers: ['a', '12345', 'b', '123456'] }), 'HEADERS_TOO_LARGE');
});

t.test('a body of unknown length is cut off when it gets there; the larger limit of two says nothing', async (t) => {
  const plane = planeOf('{ size: { body: 10B } }, { size: { body: 20B } }');
  const { x, client } = plane.request('POST /orders', { bodyLength: -1, bodyEnded: false });
  receiveBody(x, Buffer.alloc(10), false);
  t.equal(client.status, 0);
  receiveBody(x, Buffer.alloc(1), false);
  t.same([client.status, codeOf(client.body)], [413, 'BODY_TOO_LARGE']);
});

t.test('in shadow mode nothing is refused, nor cut off', async (t) => {
  const plane = planeOf('size: { body: 10B, mode: shadow }');
  const told = plane.request('POST /orders', { bodyLength: 11, bodyEnded: false });
  t.same([told.client.status, told.x.shadowRejections], [0, ['BODY_TOO_LARGE@shop.size.1']]);
  const untold = plane.request('POST /orders', { bodyLength: -1, bodyEnded: false });
  receiveBody(untold.x, Buffer.alloc(11), true);
  t.same([untold.client.status, untold.x.shadowRejections], [0, undefined]);
});

t.test('an explanation says how large it was', async (t) => {
  const { x } = planeOf('size: { body: 10B }').request('POST /orders?a=1', { bodyLength: 3, headers: ['a', 'b'] });
  t.same(x.route?.steps[0]?.explain?.(x), { headerBytes: 6, queryBytes: 3, bodyBytes: 3 });
});

t.test('one limit at least, and none that the gateway would not take', async (t) => {
  for (const settings of ['{}', '{ body: 10 }', '{ headers: 0 }', '{ query: 9KiB }', '{ path: 1B }']) {
    t.ok(issuesOf(shop(`    policies: [size: ${settings}]\n${routes}`)).length > 0, settings);
  }
});
