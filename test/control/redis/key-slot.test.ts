import t from 'tap';
import { keySlot, SLOT_COUNT } from '../../../src/control/redis/key-slot.ts';

t.test("a key's slot is the one that Redis says, by its tag alone where it has one", async (t) => {
  // CRC-16/XMODEM's check value, and CLUSTER KEYSLOT of Redis 7.
  t.equal(keySlot('123456789'), 0x31c3 % SLOT_COUNT);
  t.equal(keySlot('foo'), 12_182);
  t.equal(keySlot(''), 0);
  t.equal(keySlot('{user1000}.following'), keySlot('user1000'));
  t.equal(keySlot('foo{{bar}}zap'), keySlot('{bar'));
  t.equal(keySlot('foo{bar}{zap}'), keySlot('bar'));
  for (const whole of ['foo{}{bar}', 'foo{bar', 'foo}bar{']) t.not(keySlot(whole), keySlot('bar'), whole);
});
