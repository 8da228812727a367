// Paths in a configuration are relative to the folder of the file that names them, wherever the process was started.

import { resolve } from 'node:path';
import type { Config } from './config.ts';

/**
 * @param folder  of the configuration file
 * @returns the configuration with absolute paths; standard output (-) stays what it is
 */
export function resolvePaths(config: Config, folder: string): Config {
  return withCertificateFiles(withTargetsFiles(withLogFile(config, folder), folder), folder);
}

function withLogFile(config: Config, folder: string): Config {
  const { accessLog } = config.gateway;
  const gateway = { ...config.gateway, data: resolve(folder, config.gateway.data) };
  if (accessLog === undefined || accessLog.file === '-') return { ...config, gateway };
  return { ...config, gateway: { ...gateway, accessLog: { ...accessLog, file: resolve(folder, accessLog.file) } } };
}

function withCertificateFiles(config: Config, folder: string): Config {
  if (!config.gateway.listen.some(({ tls }) => tls !== undefined)) return config;
  const listen = config.gateway.listen.map((item) => {
    const { tls } = item;
    if (tls === undefined) return item;
    const certificates = tls.certificates.map((certificate) => ({
      ...certificate,
      certFile: resolve(folder, certificate.certFile),
      keyFile: resolve(folder, certificate.keyFile),
    }));
    const clientCaFile = tls.clientCaFile === '' ? '' : resolve(folder, tls.clientCaFile);
    return { ...item, tls: { ...tls, certificates, clientCaFile } };
  });
  return { ...config, gateway: { ...config.gateway, listen } };
}

function withTargetsFiles(config: Config, folder: string): Config {
  if (!config.upstreams.some(({ discovery }) => discovery?.kind === 'file')) return config;
  const upstreams = config.upstreams.map((upstream) => {
    const { discovery } = upstream;
    if (discovery?.kind !== 'file') return upstream;
    return { ...upstream, discovery: { ...discovery, file: resolve(folder, discovery.file) } };
  });
  return { ...config, upstreams };
}
