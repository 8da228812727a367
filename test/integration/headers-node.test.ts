import { headersSuite } from './headers.suite.ts';

await headersSuite('node');
