import { proxyingSuite } from './proxying.suite.ts';

await proxyingSuite('uws');
