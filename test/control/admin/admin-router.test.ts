import t from 'tap';
import type { AdminPage } from '../../../src/control/admin/admin-page.ts';
import { AdminRouter } from '../../../src/control/admin/admin-router.ts';

function page(method: AdminPage['method'], path: string): AdminPage {
  return { method, path, answer: () => ({ status: 200, body: path }) };
}

const router = new AdminRouter([
  page('GET', '/api/v1/consumers/{consumer}/keys'),
  page('POST', '/api/v1/consumers/{consumer}/keys'),
  page('DELETE', '/api/v1/consumers/{consumer}/keys/{key}'),
]);

function found(method: string, path: string) {
  const result = router.find(method, path);
  return 'page' in result ? { path: result.page.path, ...result.params } : result;
}

t.test('a name in braces stands for one segment, decoded', async (t) => {
  t.same(found('GET', '/api/v1/consumers/alice/keys'), {
    path: '/api/v1/consumers/{consumer}/keys',
    consumer: 'alice',
  });
  t.match(found('HEAD', '/api/v1/consumers/a%40b%2Fc/keys'), { consumer: 'a@b/c' });
  t.match(found('DELETE', '/api/v1/consumers/alice/keys/k1'), { consumer: 'alice', key: 'k1' });
});

t.test('a path that is not known has no methods, another method the ones that it has', async (t) => {
  for (const path of ['/', '/api/v1/consumers//keys', '/api/v1/consumers/alice', '/api/v1/consumers/%zz/keys']) {
    t.same(found('GET', path), [], path);
  }
  t.same(found('PUT', '/api/v1/consumers/alice/keys'), ['GET', 'HEAD', 'POST']);
});
