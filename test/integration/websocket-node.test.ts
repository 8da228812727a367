import { websocketSuite } from './websocket.suite.ts';

await websocketSuite('node');
