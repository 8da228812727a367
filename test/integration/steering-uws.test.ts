import { steeringSuite } from './steering.suite.ts';

await steeringSuite('uws');
