import t from 'tap';
import {
  allowHeader,
  METHOD_GET,
  METHOD_HEAD,
  METHODS_MASK,
  methodIndex,
  methods,
} from '../../../src/gateway/router/methods.ts';

t.test('every method is found at its own index', async (t) => {
  for (const [index, method] of methods.entries()) t.equal(methodIndex(method), index, method);
  t.equal(methods[METHOD_GET], 'GET');
  t.equal(methods[METHOD_HEAD], 'HEAD');
});

t.test('methods in another case, unknown ones and those for proxies have no index', async (t) => {
  for (const method of ['', 'get', 'Get', 'GET ', 'CONNECT', 'TRACE', 'ANY', 'BREW', 'constructor']) {
    t.equal(methodIndex(method), -1, method);
  }
});

t.test('Allow lists the methods of a mask in the order of the list', async (t) => {
  t.equal(allowHeader(0), '');
  t.equal(allowHeader((1 << methodIndex('POST')) | (1 << METHOD_GET) | (1 << METHOD_HEAD)), 'GET, HEAD, POST');
  t.equal(allowHeader(METHODS_MASK), methods.join(', '));
});

t.test('Allow is right for every mask, however many were asked for before', async (t) => {
  for (let mask = 0; mask <= METHODS_MASK; mask++) {
    const listed = allowHeader(mask).split(', ').filter(Boolean);
    const back = listed.reduce((sum, method) => sum | (1 << methodIndex(method)), 0);
    if (back !== mask) t.equal(back, mask);
  }
});
