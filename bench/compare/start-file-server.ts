import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StartedServer } from '../support/start-server.ts';
import { startByFile } from './start-by-file.ts';

/** nginx answering every GET with the same file by sendfile: the least that serving a large body can cost. */
export function startFileServer(core: string, bodyBytes: number): Promise<StartedServer> {
  return startByFile({
    core,
    command: (file, folder) => ['nginx', '-c', file, '-p', folder],
    config(port, folder) {
      writeFileSync(join(folder, 'body'), Buffer.alloc(bodyBytes, 'x'));
      return `
daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off; sendfile on; keepalive_requests 100000000; open_file_cache max=10;
  client_body_temp_path ${folder}/client; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port} backlog=1024;
    root ${folder};
    location / { rewrite ^ /body break; default_type application/octet-stream; }
  }
}`;
    },
  });
}
