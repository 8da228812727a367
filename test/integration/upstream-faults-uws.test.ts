import { upstreamFaultsSuite } from './upstream-faults.suite.ts';

await upstreamFaultsSuite('uws');
