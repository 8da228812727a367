import { failuresSuite } from './failures.suite.ts';

await failuresSuite('uws');
