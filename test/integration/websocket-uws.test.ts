import { websocketSuite } from './websocket.suite.ts';

await websocketSuite('uws');
