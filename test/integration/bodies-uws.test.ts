import { bodiesSuite } from './bodies.suite.ts';

await bodiesSuite('uws');
