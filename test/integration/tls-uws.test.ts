import t from 'tap';
import { tlsSuite } from './tls.suite.ts';

tlsSuite(t, 'uws');
