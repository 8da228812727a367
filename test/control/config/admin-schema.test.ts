import t from 'tap';
import { configOf, issuesOf } from './read.ts';

const admin = (text: string) => configOf(`version: 1\ngateway: { admin: ${text} }`).gateway.admin;
const issues = (text: string) => issuesOf(`version: 1\ngateway: { admin: ${text} }`);

t.test('gateway.admin is an address, or a map; nobody is let in without a token by default', async (t) => {
  const closed = { host: '127.0.0.1', port: 9080, anonymous: 'none', metrics: 'open', allowedHosts: [] };
  t.same(admin('"127.0.0.1:9080"'), closed);
  t.same(admin('{}'), closed);
  t.same(admin('{ address: ":1", anonymous: viewer, metrics: protected, allowedHosts: [GW.example] }'), {
    host: '',
    port: 1,
    anonymous: 'viewer',
    metrics: 'protected',
    allowedHosts: ['gw.example'],
  });
});

t.test('who lets everybody read beyond this machine is warned', async (t) => {
  const warned = [/gateway.admin.anonymous: warning: lets everybody who reaches this address read/];
  t.match(issues('{ address: ":9080", anonymous: viewer }'), warned);
  t.same(issues('{ address: "127.0.0.1:9080", anonymous: viewer }'), []);
  t.same(issues('{ address: ":9080" }'), []);
});

t.test('what is no such thing is told', async (t) => {
  t.match(issues('"9080"'), [/gateway.admin: is not valid/]);
  t.match(issues('{ anonymous: owner }'), [/anonymous: is not valid; expected none or viewer/]);
  t.match(issues('{ allowedHosts: ["gw.example:9080"] }'), [/allowedHosts\[0\]: is not valid; expected a host name/]);
  t.match(issues('{ tls: {} }'), [/tls is not in this version/]);
  t.match(issues('{ password: x }'), [/unknown key/]);
  t.match(issuesOf('version: 1\ngateway: { listen: ":9080", admin: { address: "127.0.0.1:9080" } }'), [
    /gateway.admin/,
  ]);
});
