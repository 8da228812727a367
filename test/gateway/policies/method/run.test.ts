import t from 'tap';
import { configOf, issuesOf, shop } from '../../../control/config/read.ts';
import { TestPlane } from '../../../support/plane.ts';

const routes = '    routes: { any: { match: "ANY /orders" } }';

function planeOf(policies: string): TestPlane {
  const plane = new TestPlane();
  plane.publish(configOf(shop(`    policies: [${policies}]\n${routes}`)), 1);
  return plane;
}

t.test('other methods are answered 405 with those that are let in; HEAD goes with GET', async (t) => {
  const plane = planeOf('method: { allow: [POST, GET] }');
  for (const method of ['GET', 'HEAD', 'POST']) t.equal(plane.request(`${method} /orders`).client.status, 0, method);
  for (const method of ['PUT', 'DELETE', 'OPTIONS', 'SEARCH']) {
    const { client } = plane.request(`${method} /orders`);
    t.equal(client.status, 405, method);
    t.equal(client.headers[client.headers.indexOf('allow') + 1], 'GET, HEAD, POST');
    t.equal(JSON.parse(client.body).code, 'METHOD_NOT_ALLOWED');
  }
  t.equal(plane.sent.length, 3);
  t.equal(planeOf('method: { allow: [POST] }').request('HEAD /orders').client.status, 405);
});

t.test('in shadow mode it only counts; an explanation says what is let in', async (t) => {
  const plane = planeOf('method: { allow: [GET], mode: shadow }');
  const { x, client } = plane.request('PUT /orders');
  t.equal(client.status, 0);
  t.same(x.shadowRejections, ['METHOD_NOT_ALLOWED@shop.method.1']);
  t.same(x.route?.steps[0]?.explain?.(x), { allow: 'GET, HEAD' });
});

t.test('a list of known methods is needed', async (t) => {
  for (const settings of [
    '{}',
    '{ allow: [] }',
    '{ allow: [get] }',
    '{ allow: GET }',
    '{ allow: [GET], deny: [PUT] }',
  ]) {
    t.equal(issuesOf(shop(`    policies: [method: ${settings}]\n${routes}`)).length, 1, settings);
  }
});
