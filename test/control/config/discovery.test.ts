import t from 'tap';
import { resolvePaths } from '../../../src/control/config/resolve-paths.ts';
import { buildConfig, buildUpstream } from '../../support/build-config.ts';
import { configOf, issuesOf } from './read.ts';

/** One upstream `a` on line 2. */
function upstream(discovery: string, parts = ''): string {
  return `version: 1\nupstreams: { a: { discovery: ${discovery}, ${parts} } }`;
}

t.test('a name is a source of targets, with defaults for how it is asked', async (t) => {
  const [one] = configOf(upstream('{ dns: "http://Orders.internal:8080/base/" }')).upstreams;
  t.same(one?.targets, [], 'they are found when the gateway runs');
  t.same(one?.discovery, {
    kind: 'dns',
    protocol: 'http:',
    name: 'orders.internal',
    port: 8080,
    basePath: '/base',
    records: 'addresses',
    resolvers: [],
    intervalMsMin: 1_000,
    intervalMsMax: 60_000,
  });
});

t.test('every setting of a name is read', async (t) => {
  const all =
    '{ dns: "https://_http._tcp.orders", type: SRV, resolver: ["10.0.0.53", "127.0.0.1:5353", "[::1]:53", "::1"], intervalMin: 2s, intervalMax: 5s }';
  t.match(configOf(upstream(all)).upstreams[0]?.discovery, {
    protocol: 'https:',
    name: '_http._tcp.orders',
    port: 0,
    basePath: '',
    records: 'SRV',
    resolvers: ['10.0.0.53', '127.0.0.1:5353', '[::1]:53', '::1'],
    intervalMsMin: 2_000,
    intervalMsMax: 5_000,
  });
  const short = configOf(upstream('{ dns: "http://a", intervalMax: 500ms }')).upstreams[0]?.discovery;
  t.match(short, { intervalMsMin: 500, intervalMsMax: 500 }, 'a default gives way to what is said');
});

t.test('a file is a source of targets, beside the configuration', async (t) => {
  const { discovery } = configOf(upstream('{ file: ./targets.yaml }')).upstreams[0] ?? {};
  t.same(discovery, { kind: 'file', file: './targets.yaml', httpsOnly: false });
  t.match(configOf(upstream('{ file: a }', 'http2: true')).upstreams[0]?.discovery, { httpsOnly: true });
  const config = buildConfig({ upstreams: [{ ...buildUpstream('a'), discovery }, buildUpstream('b', 'b:1')] });
  t.match(resolvePaths(config, '/etc/sluice').upstreams[0]?.discovery, { file: '/etc/sluice/targets.yaml' });
});

t.test('what cannot be used is told with its place', async (t) => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['{}', /a.discovery: names no source; expected either dns or file/],
    ['{ dns: "http://a", file: b }', /a.discovery: names two sources; expected either dns or file/],
    ['{ dns: "http://10.0.0.7:80" }', /a.discovery.dns: holds an address, which belongs into `targets`/],
    ['{ dns: "http://[::1]" }', /a.discovery.dns: holds an address/],
    ['{ dns: orders.internal }', /a.discovery.dns: is not valid; expected a URL such as http:\/\/orders/],
    ['{ dns: "http://a:0" }', /a.discovery.dns: is not valid/],
    ['{ dns: "http://a:65536" }', /a.discovery.dns: is not valid/],
    ['{ dns: "http://a?b" }', /a.discovery.dns: is not valid/],
    ['{ dns: "http://u@a" }', /a.discovery.dns: is not valid/],
    ['{ dns: "http://a:80", type: SRV }', /a.discovery.dns: has a port, which with type SRV each record says/],
    ['{ dns: "http://a", type: MX }', /a.discovery.type: is not valid; expected one of A, AAAA, SRV/],
    ['{ dns: "http://a", resolver: ["dns.test"] }', /a.discovery.resolver\[0\]: is not valid; expected the address of/],
    ['{ dns: "http://a", resolver: ["10.0.0.1:0"] }', /a.discovery.resolver\[0\]: is not valid/],
    ['{ dns: "http://a", resolver: [] }', /a.discovery.resolver: is not valid; expected at least 1/],
    ['{ dns: "http://a", intervalMin: 5s, intervalMax: 2s }', /a.discovery.intervalMin: is longer than intervalMax/],
    ['{ file: a, type: A }', /a.discovery.type: goes with dns only/],
    ['{ fil: a }', /a.discovery.fil: unknown key; .*did you mean file\?/],
  ];
  for (const [discovery, issue] of wrong) {
    t.match(issuesOf(upstream(discovery)), [new RegExp(`^2:\\d+ upstreams.${issue.source}`)], discovery);
  }
});

t.test('an upstream has targets or a source of them', async (t) => {
  t.match(issuesOf(upstream('{ file: a }', 'targets: ["http://a"]')), [/a.discovery: does not go with targets/]);
  t.match(issuesOf('version: 1\nupstreams: { a: {} }'), [/a.targets: is missing; expected a list, or discovery/]);
});

t.test('what http2 and tls need of targets, they need of a name', async (t) => {
  t.match(issuesOf(upstream('{ dns: "http://a" }', 'http2: true')), [/a.discovery.dns: http2 needs https/]);
  t.match(issuesOf(upstream('{ dns: "http://a" }', 'tls: { serverName: a }')), [/a.tls: has no effect/]);
  t.same(issuesOf(upstream('{ dns: "https://a" }', 'http2: true, tls: { serverName: a }')), []);
  t.same(issuesOf(upstream('{ file: a }', 'tls: { serverName: a }')), []);
});
