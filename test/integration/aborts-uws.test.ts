import { abortsSuite } from './aborts.suite.ts';

await abortsSuite('uws');
