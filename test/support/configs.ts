// sluice.yaml for tests: one service `shop` in front of one upstream, on free ports.

export interface TestConfig {
  readonly upstream: string;
  readonly engine?: 'uws' | 'node';
  readonly workers?: number;
  /** Routes, in YAML flow or block style, six spaces deep. */
  readonly routes: string;
  /** gateway.admin, in YAML's flow style. */
  readonly admin?: string;
  /** More lines of the section gateway, two spaces deep. */
  readonly gateway?: string;
  /** More top-level sections. */
  readonly more?: string;
}

/** For tests that read the admin API without a token. */
export const OPEN_ADMIN = '{ address: "127.0.0.1:0", anonymous: viewer }';

export function testConfig({
  upstream,
  engine = 'uws',
  workers = 2,
  routes,
  admin = '"127.0.0.1:0"',
  gateway = '',
  more = '',
}: TestConfig): string {
  return `version: 1
gateway:
  listen: { address: "127.0.0.1:0", engine: ${engine} }
  admin: ${admin}
  workers: ${workers}
${gateway}
upstreams:
  main: { targets: ["${upstream}"] }
${more}
services:
  shop:
    upstream: main
    routes:
${routes}
`;
}

/** The value of a metric's sample on a /metrics page; 0 when it is not printed. */
export function sample(page: string, name: string, labels: string): number {
  for (const line of page.split('\n')) {
    if (line.startsWith(`${name}{`) && line.includes(labels)) return Number(line.split(' ').at(-1));
  }
  return 0;
}
