// sluice.yaml of a scenario's own gateway: one service in front of one upstream, on free ports of the loopback.

export interface OwnGateway {
  /** Routes, one a line. */
  readonly routes: readonly string[];
  /** Keys of gateway.limits. */
  readonly limits?: string;
}

export function gatewayYaml({ routes, limits = '' }: OwnGateway, upstreamUrl: string): string {
  return `version: 1
gateway:
  listen: "127.0.0.1:0"
  admin: "127.0.0.1:0"
  limits: { ${limits} }
upstreams:
  main: { targets: ["${upstreamUrl}"] }
services:
  load:
    upstream: main
    routes:
${routes.map((route) => `      ${route}\n`).join('')}`;
}
