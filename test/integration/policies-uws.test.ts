import { policiesSuite } from './policies.suite.ts';

await policiesSuite('uws');
