import { resilienceSuite } from './resilience.suite.ts';

await resilienceSuite('node');
