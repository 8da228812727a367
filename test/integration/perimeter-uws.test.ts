import { perimeterSuite } from './perimeter.suite.ts';

await perimeterSuite('uws');
