import { handshakeSuite } from './websocket-handshake.suite.ts';

await handshakeSuite('uws');
