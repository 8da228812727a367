// Whether a consumer may call: what every request costs whose answer is settled, what is left where an address is asked, the
// whole decision, as the admin plane takes it, over 21 documents; and a rule of access that asks for everything.

import type { RouteIndex } from '../../src/base/ids.ts';
import { documentPlan, permissionDocument } from '../../src/gateway/permissions/config.ts';
import { decide, isAllowed, LiveDocument } from '../../src/gateway/permissions/live-document.ts';
import type { PermissionFacts } from '../../src/gateway/permissions/permission-keys.ts';
import { ADMIT } from '../../src/gateway/pipeline/errors.ts';
import type { Exchange } from '../../src/gateway/pipeline/exchange.ts';
import { accessConfig } from '../../src/gateway/policies/access/config.ts';
import { accessRun } from '../../src/gateway/policies/access/run.ts';
import type { CompileContext } from '../../src/gateway/policies/policy-config.ts';
import { methodIndex } from '../../src/gateway/router/methods.ts';
import { sink } from '../support/sink.ts';
import type { MicroCase } from './micro-case.ts';
import { StubClient } from './stub-client.ts';
import { StubGateway } from './stub-gateway.ts';

const KEY = '0123456789abcdef0123456789abcdef';
const DOCUMENT_COUNT = 21;
const CONSUMER_COUNT = 64;

export function permissionCases(): readonly MicroCase[] {
  const settled = stepCase('permissions: a settled answer, 64 callers in turn', '');
  const open = stepCase(
    'permissions: an address is asked each time',
    ', condition: { IpAddress: { "sluice:sourceIp": [10.0.0.0/8, 192.0.2.0/24] } }',
  );
  return [settled, { ...open, against: settled.name }, wholeCase(), accessCase()];
}

function stepCase(name: string, condition: string): MicroCase {
  return {
    name,
    async prepare() {
      const gateway = new StubGateway(sluiceYaml(condition));
      await gateway.publish();
      const [auth, step] = gateway.openSnapshot().route(0 as RouteIndex).steps;
      if (auth === undefined || step === undefined) throw new Error(`${name}: the route has no permissions`);
      const exchanges = Array.from({ length: CONSUMER_COUNT }, (_, n) => {
        const x = gateway.plane.open(new StubClient());
        Object.assign(x, {
          method: 'GET',
          methodIndex: methodIndex('GET'),
          clientAddress: '10.1.2.3',
          headers: ['x-api-key', `${KEY}${n}`],
        });
        if (auth.run(x) !== ADMIT || step.run(x) !== ADMIT) throw new Error(`${name}: ${x.detail}`);
        return x;
      });
      let turn = 0;
      return () => {
        sink.value = step.run(exchanges[turn++ & (CONSUMER_COUNT - 1)] as (typeof exchanges)[number]);
      };
    },
  };
}

function wholeCase(): MicroCase {
  return {
    name: 'permissions: a whole decision over 21 documents',
    prepare() {
      const documents = Array.from(
        { length: DOCUMENT_COUNT },
        (_, n) => new LiveDocument(documentPlan(`d${n}`, permissionDocument.parse(documentOf(n)))),
      );
      const facts: PermissionFacts = {
        read: ({ text }) => (text === 'sluice:operator' ? 'carol' : '10.1.2.3'),
      };
      const ask = () => decide(documents, 'admin:getconsumer', `service/s${DOCUMENT_COUNT - 1}/route/r7`, facts);
      if (!isAllowed(ask())) throw new Error('it is not allowed');
      return () => {
        sink.value = ask();
      };
    },
  };
}

function accessCase(): MicroCase {
  const name = 'access: a group, a scope, two claims and office hours';
  return {
    name,
    prepare() {
      const plane = new StubGateway(sluiceYaml('')).plane;
      const config = accessConfig.schema.parse({
        groups: ['partners'],
        scopes: ['orders.read', 'orders.write'],
        claims: { tenant: ['acme', 'globex'], mail: '*@acme.example' },
        times: { hours: '00:00-24:00', timeZone: 'Europe/Berlin' },
      });
      const plan = accessConfig.compile(config, { timeZone: 'UTC' } as CompileContext);
      const consumer = {
        name: 'alice',
        groups: ['readers', 'partners'],
        scopes: ['profile', 'orders.read'],
        claims: { sub: 'alice', tenant: 'acme', mail: 'alice@acme.example' },
      };
      const x = { consumer, methodIndex: methodIndex('GET'), plane } as unknown as Exchange;
      const step = accessRun.prepare(plan as never, undefined as never, undefined as never);
      if (step.run(x) !== ADMIT) throw new Error(`${name}: it is not let in`);
      return () => {
        sink.value = step.run(x);
      };
    },
  };
}

/** Only the last one speaks of the resource that is asked for. */
function documentOf(n: number): unknown {
  return {
    version: '2.0',
    statement: [
      {
        effect: 'allow',
        action: ['admin:Get*', 'admin:List*'],
        resource: `service/s${n}/*`,
        condition: { IpAddress: { 'sluice:sourceIp': '10.0.0.0/8' } },
      },
    ],
  };
}

function sluiceYaml(condition: string): string {
  const consumers = Array.from(
    { length: CONSUMER_COUNT },
    (_, n) => `c${n}: { groups: [all], keys: [{ id: k${n}, secret: "${KEY}${n}" }] }`,
  );
  return `version: 1
gateway: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", workers: 1 }
upstreams: { u: { targets: ["http://127.0.0.1:9001"] } }
permissions: { read: { statement: { effect: allow, action: "invoke:GET", resource: "service/s/*"${condition} } } }
groups: { all: { permissions: [read] } }
consumers: { ${consumers.join(', ')} }
services:
  s:
    upstream: u
    policies: [{ auth: { any: [api-key] } }, permissions]
    routes: { order: { match: GET /order } }
`;
}
