import { pacingSuite } from './pacing.suite.ts';

await pacingSuite('uws');
