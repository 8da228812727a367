import { pacingSuite } from './websocket-pacing.suite.ts';

await pacingSuite('uws');
