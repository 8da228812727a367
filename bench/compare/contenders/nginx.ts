// nginx, the yardstick: bare, and doing what Sluice does.

import { API_KEY } from '../../support/workload.ts';
import type { Contender } from '../contender.ts';
import { missingCommand } from '../missing-command.ts';
import { startByFile } from '../start-by-file.ts';

const STREAMING = 'access_log off; sendfile on; tcp_nopush off; client_max_body_size 0;';

interface NginxParts {
  /** Of http {}. */
  readonly http: string;
  /** Of location / {}. */
  readonly location: string;
}

export const nginx: Contender = nginxContender('nginx', 'bare proxy_pass, keep-alive, no log', () => ({
  http: 'access_log off;',
  location: '',
}));

/** The rates are so high that they never refuse: what is measured is the deciding. */
export const nginxJob: Contender = nginxContender(
  'nginx job',
  'API key by map, two limit_req, access log in a file, X-Forwarded-* and X-Request-Id',
  (folder) => ({
    http: `
  map $http_x_api_key $consumer { default ""; "${API_KEY}" "bench"; }
  limit_req_zone $binary_remote_addr zone=ip:10m rate=1000000r/s;
  limit_req_zone $consumer zone=key:10m rate=1000000r/s;
  log_format job '$msec $request_id $remote_addr $consumer "$request" $status $body_bytes_sent $request_time';
  access_log ${folder}/access.log job buffer=64k flush=1s;`,
    location: `
      if ($consumer = "") { return 401; }
      limit_req zone=ip burst=1000000 nodelay;
      limit_req zone=key burst=1000000 nodelay;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host;
      proxy_set_header X-Request-Id $request_id;
      proxy_set_header X-Api-Key "";
      add_header X-Request-Id $request_id;`,
  }),
);

/**
 * For large bodies. proxy_buffering stays on, as it is by default (8 buffers of 4 KiB, then a temporary file); uploads pass through
 * as they come, as Sluice passes them.
 */
export const nginxStreaming: Contender = nginxContender(
  'nginx',
  'proxy_pass, keep-alive, no log; proxy_buffering on (default), proxy_request_buffering off',
  () => ({ http: STREAMING, location: 'proxy_request_buffering off;' }),
);

/** Answers pass through, too. */
export const nginxUnbuffered: Contender = nginxContender(
  'nginx unbuffered',
  'the same with proxy_buffering off',
  () => ({ http: STREAMING, location: 'proxy_request_buffering off; proxy_buffering off;' }),
);

function nginxContender(name: string, job: string, parts: (folder: string) => NginxParts): Contender {
  return {
    name,
    job,
    warmUpSeconds: 1,
    missing: () => missingCommand('nginx', 'apt-get install nginx-light'),
    start: ({ upstreamPort, core, workers }) =>
      startByFile({
        core,
        command: (file, folder) => ['nginx', '-c', file, '-p', folder],
        config: (port, folder) => nginxConfig({ port, upstreamPort, workers, folder, ...parts(folder) }),
      }),
  };
}

interface NginxConfigOptions extends NginxParts {
  readonly port: number;
  readonly upstreamPort: number;
  readonly workers: number;
  readonly folder: string;
}

function nginxConfig({ port, upstreamPort, workers, folder, http, location }: NginxConfigOptions): string {
  return `
daemon off; worker_processes ${workers}; pid ${folder}/pid; error_log stderr crit;
events { worker_connections 4096; }
http {
  ${http}
  keepalive_requests 100000000;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  upstream u { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} backlog=1024${workers > 1 ? ' reuseport' : ''};
    location / {
      ${location}
      proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection "";
    }
  }
}`;
}
