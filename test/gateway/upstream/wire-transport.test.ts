import t from 'tap';
import { WireTransport } from '../../../src/gateway/upstream/transports/wire/wire-transport.ts';
import { testTransportContract } from './transport-contract.ts';

testTransportContract(t, { create: (options) => new WireTransport(options) });
