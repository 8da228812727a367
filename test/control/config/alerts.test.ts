import t from 'tap';
import { configOf, issuesOf } from './read.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const alerts = (parts: string) => `version: 1\ngateway: { alerts: { ${parts} } }`;
const full = (parts = '') => alerts(`webhook: "https://hooks.example/a?b=c", secret: ${SECRET}${parts}`);

t.test('nobody is told unless it is written who is; thresholds are in their order', async (t) => {
  t.equal(configOf('version: 1').gateway.alerts, undefined);
  t.same(configOf(full()).gateway.alerts, {
    webhook: 'https://hooks.example/a?b=c',
    secret: SECRET,
    at: [0.5, 0.8, 1],
    timeoutMs: 5_000,
  });
  t.match(configOf(full(', at: ["90%", "0.5%"], timeout: 1s')).gateway.alerts, { at: [0.005, 0.9], timeoutMs: 1_000 });
  t.equal(configOf(alerts('webhook: "https://a.example", secret: "plain-text-secret"')).gateway.alerts?.at.length, 3);
});

t.test('what cannot be used is told, and a secret is never shown', async (t) => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    [alerts(`webhook: "https://a.example"`), /alerts.secret: is missing/],
    [alerts(`secret: ${SECRET}`), /alerts.webhook: is missing/],
    [alerts(`webhook: "ftp://a.example", secret: ${SECRET}`), /alerts.webhook: is not valid; expected a URL/],
    [alerts(`webhook: "https://me:pw@a.example", secret: ${SECRET}`), /alerts.webhook: is not valid/],
    [
      alerts('webhook: "https://a.example", secret: whsec_too-short-for-it'),
      /alerts.secret: is not valid; expected whsec_/,
    ],
    [full(', at: []'), /alerts.at: /],
    [full(', at: ["0%"]'), /alerts.at\[0\]: an unused quota is no news/],
    [full(', at: ["80%", "80%"]'), /alerts.at\[1\]: is in the list already/],
    [full(', timeout: 10m'), /alerts.timeout: is not valid/],
    [full(', hook: a'), /alerts.hook: unknown key/],
  ];
  for (const [text, issue] of wrong) {
    t.match(issuesOf(text), [issue], text);
    t.notMatch(issuesOf(text).join(), /MfKQ|too-short-for/, text);
  }
});

t.test('http in the open is warned of, http within is not', async (t) => {
  const url = (host: string) => issuesOf(alerts(`webhook: "http://${host}/", secret: ${SECRET}`));
  for (const host of ['localhost:9', '127.0.0.1', '10.1.2.3', '192.168.0.9', '[::1]:80', 'hooks', 'hooks.internal'])
    t.same(url(host), [], host);
  for (const host of ['hooks.example', '9.9.9.9', '[2001:db8::1]'])
    t.match(url(host), [/alerts.webhook: warning: http in the open/]);
});
