// The directions of imports (ARCHITECTURE.md, "Rooms"). All are errors. Imports of types count: who knows another room's
// types depends on it.

const SRC = '^src/';

/** What the control plane may know of the data plane: data, schemas, arithmetic and readers; never what runs a request. */
const GATEWAY_FOR_CONTROL = [
  '^src/gateway/(snapshot|consumer-plan)\\.ts$',
  // What the main thread and a worker post to each other: data.
  '^src/gateway/worker-messages\\.ts$',
  '^src/gateway/.+/config\\.ts$',
  // What every policy's config.ts is made with, and the list of them.
  '^src/gateway/policies/(config-registry|policy-config)\\.ts$',
  '^src/gateway/pipeline/(errors|stages)\\.ts$',
  '^src/gateway/router/compile-trie\\.ts$',
  '^src/gateway/limiter/',
  // Permissions are decided by one engine: of consumers by the data plane, of operators by the control plane. It is pure.
  '^src/gateway/permissions/',
  // Plans of single policies: data.
  '^src/gateway/policies/[^/]+/[^/]+-plan\\.ts$',
  // What reads the telemetry, spans as they travel, and the arithmetic of the sampler.
  '^src/gateway/telemetry/([^/]+-reader|sampler|span-data)\\.ts$',
];

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Modules that need each other when they run are one module, or three. Types may refer to each other.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      comment: 'Every import leads to a file or a package that package.json names.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-test-tools-in-the-product',
      comment: 'What runs in production is a dependency, not a devDependency.',
      severity: 'error',
      from: { path: '^(src|workers|loadtest)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'product-stands-alone',
      comment: 'src and workers import nothing of what is around them.',
      severity: 'error',
      from: { path: '^(src|workers)/' },
      to: { path: '^(test|bench|examples|scripts|portal|docs|dist)/' },
    },
    {
      name: 'one-door-to-the-load-tests',
      comment:
        '`sluice loadtest` ships them, and loads them when it is called; no other command or thread pays for them.',
      severity: 'error',
      from: { path: '^(src|workers)/', pathNot: '^src/cli/loadtest\\.ts$' },
      to: { path: '^loadtest/' },
    },
    {
      name: 'load-tests-stand-outside',
      comment: 'They meet the gateway as its clients do: through its port, its file and its command line.',
      severity: 'error',
      from: { path: '^loadtest/' },
      to: { path: '^(src|workers|test|bench|examples|scripts|portal)/', pathNot: '^src/base/' },
    },
    {
      name: 'owners-of-autocannon',
      severity: 'error',
      from: { path: '^(src|workers|loadtest)/', pathNot: '^loadtest/load/' },
      to: { path: '(^|/)node_modules/autocannon/' },
    },
    {
      name: 'owners-of-hdr-histogram',
      severity: 'error',
      from: {
        path: '^(src|workers|loadtest)/',
        pathNot: ['^loadtest/load/', '^src/gateway/telemetry/latency-reader\\.ts$', '^src/control/metering/'],
      },
      to: { path: '(^|/)node_modules/hdr-histogram-js/' },
    },
    {
      name: 'portal-talks-http',
      comment: 'The portal talks to the admin API over HTTP; it imports nothing from src.',
      severity: 'error',
      from: { path: '^portal/' },
      to: { path: '^(src|workers)/' },
    },
    {
      name: 'base-imports-nothing',
      severity: 'error',
      from: { path: '^src/base/' },
      to: { pathNot: '^src/base/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'shm-imports-base',
      severity: 'error',
      from: { path: '^src/shm/' },
      to: { path: '^(src|workers)/', pathNot: '^src/(shm|base)/' },
    },
    {
      name: 'gateway-imports-shm-and-base',
      comment: 'The data plane never imports the control plane, the command line or main, types included.',
      severity: 'error',
      from: { path: '^src/gateway/' },
      to: { path: '^(src|workers)/', pathNot: '^src/(gateway|shm|base)/' },
    },
    {
      name: 'control-knows-the-gateway-as-data',
      comment:
        'snapshot, **/config, errors, stages, compile-trie, limiter, permissions, telemetry readers: see GATEWAY_FOR_CONTROL.',
      severity: 'error',
      from: { path: '^src/control/' },
      to: { path: '^src/gateway/', pathNot: GATEWAY_FOR_CONTROL },
    },
    {
      name: 'control-stands-below-cli-and-main',
      severity: 'error',
      from: { path: '^src/control/' },
      to: { path: ['^src/(cli|wiring)/', '^src/(main|start-gateway)\\.ts$', '^workers/'] },
    },
    {
      name: 'gateway-worker-imports-the-data-plane',
      severity: 'error',
      from: { path: '^workers/gateway\\.worker\\.ts$' },
      to: { path: '^(src|workers)/', pathNot: '^src/(gateway|shm|base)/' },
    },
    {
      name: 'gateway-worker-loads-no-schema',
      comment: 'zod and yaml take 50 to 80 ms each to load; request threads never do, over however many steps.',
      severity: 'error',
      from: { path: '^workers/gateway\\.worker\\.ts$' },
      to: { path: ['(^|/)node_modules/(zod|yaml|hdr-histogram-js)/', '^src/.+/config\\.ts$'], reachable: true },
    },
    {
      name: 'task-worker-imports-some-of-control',
      severity: 'error',
      from: { path: '^workers/task\\.worker\\.ts$' },
      to: {
        path: '^(src|workers)/',
        pathNot: [
          '^src/(gateway|shm|base)/',
          '^src/control/(catalog|config|releases|telemetry|apidocs|metering|alerts)/',
          '^src/control/workers/count-connections\\.ts$',
        ],
      },
    },
    {
      name: 'one-owner-of-opentelemetry',
      comment: 'Request threads make spans by hand; the serializer is loaded by the task that exports them.',
      severity: 'error',
      from: { path: '^(src|workers)/', pathNot: '^src/control/telemetry/' },
      to: { path: '(^|/)node_modules/@opentelemetry/' },
    },
    {
      name: 'one-owner-of-uwebsockets',
      severity: 'error',
      from: { path: '^(src|workers)/', pathNot: '^src/gateway/listener/' },
      to: { path: '(^|/)node_modules/uWebSockets\\.js/' },
    },
    {
      name: 'one-owner-of-ws',
      severity: 'error',
      from: { path: '^(src|workers)/', pathNot: '^src/gateway/websocket/' },
      to: { path: '(^|/)node_modules/ws/' },
    },
    {
      name: 'one-owner-of-ioredis',
      severity: 'error',
      from: { path: '^(src|workers)/', pathNot: '^src/control/redis/' },
      to: { path: '(^|/)node_modules/ioredis/|^ioredis$' },
    },
    {
      name: 'owners-of-lmdb',
      comment:
        'The ledger and the compiler, in the task pool; durable quotas, alerts, consumers, operators and the audit log. No request thread opens it.',
      severity: 'error',
      from: {
        path: '^(src|workers)/',
        pathNot: '^src/control/(metering/ledger|quota/durable|alerts|catalog|operators|audit)/',
      },
      to: { path: '(^|/)node_modules/lmdb/' },
    },
    {
      name: 'owners-of-piscina',
      severity: 'error',
      from: { path: '^(src|workers)/', pathNot: ['^src/control/workers/', '^workers/'] },
      to: { path: '(^|/)node_modules/piscina/' },
    },
    {
      name: 'no-junk-rooms',
      comment: 'Name a room after what it does.',
      severity: 'error',
      from: { path: SRC },
      to: { path: '(^|/)(utils|helpers|common|types)(/|\\.ts$)', pathNot: 'node_modules' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(portal/)?dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'types', 'default'],
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.cjs', '.d.ts', '.json', '.node'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
