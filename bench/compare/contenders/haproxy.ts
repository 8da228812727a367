import type { Contender } from '../contender.ts';
import { missingCommand } from '../missing-command.ts';
import { startByFile } from '../start-by-file.ts';

/** Keep-alive to both sides, a thread for each worker. */
export const haproxy: Contender = {
  name: 'haproxy',
  job: 'proxying only, keep-alive, no log',
  warmUpSeconds: 1,
  missing: () => missingCommand('haproxy', 'apt-get install haproxy'),
  start: ({ upstreamPort, core, workers }) =>
    startByFile({
      core,
      // -db: in the foreground, without a master.
      command: (file) => ['haproxy', '-db', '-q', '-f', file],
      config: (port) => `
global
  nbthread ${workers}
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend all
  bind 127.0.0.1:${port}
  default_backend u
backend u
  server one 127.0.0.1:${upstreamPort}
`,
    }),
};
