import { tracingSuite } from './tracing.suite.ts';

await tracingSuite('node');
