import { outsideAuthSuite } from './outside-auth.suite.ts';

await outsideAuthSuite('uws');
