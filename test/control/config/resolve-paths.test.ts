import t from 'tap';
import { resolvePaths } from '../../../src/control/config/resolve-paths.ts';
import { buildConfig, buildGateway } from '../../support/build-config.ts';

function fileOf(file: string): string | undefined {
  const gateway = buildGateway({ accessLog: { file, sampleShare: 1, errors: 'all' } });
  return resolvePaths(buildConfig({ gateway }), '/etc/sluice').gateway.accessLog?.file;
}

t.test("paths are relative to the configuration's folder; standard output is no path", async (t) => {
  t.equal(fileOf('./logs/access.log'), '/etc/sluice/logs/access.log');
  t.equal(fileOf('/var/log/access.log'), '/var/log/access.log');
  t.equal(fileOf('-'), '-');
});

t.test('so is the data folder, and nothing else of a configuration without a log changes', async (t) => {
  const config = buildConfig();
  t.same(resolvePaths(config, '/etc/sluice'), buildConfig({ gateway: buildGateway({ data: '/etc/sluice/data' }) }));
  const elsewhere = buildConfig({ gateway: buildGateway({ data: '/var/lib/sluice' }) });
  t.equal(resolvePaths(elsewhere, '/etc/sluice').gateway.data, '/var/lib/sluice');
});

t.test("so are the files of a listener's certificates", async (t) => {
  const pair = { hosts: [], certFile: './a.crt', keyFile: '/keys/a.key', cert: 'c', key: 'k', expiresMs: 1 };
  const plan = { ciphers: '', minVersion: 'TLSv1.2', clientAuth: 'none', hsts: '' } as const;
  const filesOf = (clientCaFile: string) => {
    const tls = { ...plan, certificates: [pair], clientCa: '', clientCaFile };
    const gateway = buildGateway({ listen: [{ host: '', port: 1, engine: 'node', chunked: 'accept', tls }] });
    return resolvePaths(buildConfig({ gateway }), '/etc/sluice').gateway.listen[0]?.tls;
  };
  t.match(filesOf('ca.crt'), {
    certificates: [{ certFile: '/etc/sluice/a.crt', keyFile: '/keys/a.key' }],
    clientCaFile: '/etc/sluice/ca.crt',
  });
  t.equal(filesOf('')?.clientCaFile, '');
});
