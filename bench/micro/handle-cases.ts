// A request's whole way through one worker, without sockets: from the head that was read to the answer's end.

import { ADMIT } from '../../src/gateway/pipeline/errors.ts';
import type { Exchange } from '../../src/gateway/pipeline/exchange.ts';
import { handle } from '../../src/gateway/pipeline/handle.ts';
import { methodIndex } from '../../src/gateway/router/methods.ts';
import { relayRequestLines } from '../../src/gateway/upstream/relay-headers.ts';
import { sink } from '../support/sink.ts';
import { type SluiceConfigOptions, sluiceConfig } from '../support/sluice-config.ts';
import { REQUEST_HEADERS, REQUEST_PATH } from '../support/workload.ts';
import type { MicroCase } from './micro-case.ts';
import { StubClient } from './stub-client.ts';
import { StubGateway } from './stub-gateway.ts';

// Nobody connects to it.
const UPSTREAM_PORT = 9_001;

export function handleCases(): readonly MicroCase[] {
  const plain = handleCase('handle, proxying only', 'plain');
  return [relayCase(), plain, { ...handleCase('handle, key and two limits', 'job'), against: plain.name }];
}

function relayCase(): MicroCase {
  return {
    name: `relay of ${REQUEST_HEADERS.length} request headers`,
    async prepare() {
      const gateway = await publish('job');
      const x = receive(gateway, new StubClient());
      handle(x, ADMIT);
      return () => {
        sink.value = relayRequestLines(x, 'upstream.example');
      };
    },
  };
}

function handleCase(name: string, kind: SluiceConfigOptions['kind']): MicroCase {
  return {
    name,
    async prepare() {
      const gateway = await publish(kind);
      const client = new StubClient();
      const run = (): void => {
        handle(receive(gateway, client), ADMIT);
        gateway.transport.answer();
      };
      run();
      if (client.status !== 200) throw new Error(`${name}: the answer is ${client.status}`);
      return run;
    },
  };
}

async function publish(kind: SluiceConfigOptions['kind']): Promise<StubGateway> {
  const gateway = new StubGateway(sluiceConfig({ upstreamPort: UPSTREAM_PORT, workers: 1, kind }));
  await gateway.publish();
  return gateway;
}

const [path = '', query = ''] = REQUEST_PATH.split('?');
const lowerCaseHeaders = REQUEST_HEADERS.map(([name, value]) => [name.toLowerCase(), value] as const);

/** What a listener does with a head. */
function receive(gateway: StubGateway, client: StubClient): Exchange {
  const x = gateway.plane.open(client);
  x.method = 'GET';
  x.methodIndex = methodIndex('GET');
  x.rawPath = path;
  x.query = `?${query}`;
  x.authority = 'shop.example';
  x.host = 'shop.example';
  x.peerAddress = '192.0.2.1';
  for (const [name, value] of lowerCaseHeaders) x.headers.push(name, value);
  return x;
}
