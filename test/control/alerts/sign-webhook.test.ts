import t from 'tap';
import { signWebhook } from '../../../src/control/alerts/sign-webhook.ts';

t.test('a signature is the one that Standard Webhooks has for its example', async (t) => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
  const expected = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
  t.equal(signWebhook(secret, id, 1_614_265_330, '{"test": 2432232314}'), expected);
});

t.test('a plain secret is a key as it stands', async (t) => {
  const bytes = Buffer.from('a plain secret of no encoding');
  const encoded = `whsec_${bytes.toString('base64')}`;
  t.equal(signWebhook(bytes.toString(), 'msg_1', 5, '{}'), signWebhook(encoded, 'msg_1', 5, '{}'));
});
