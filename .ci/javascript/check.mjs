// The JavaScript SDK against the sandbox: `node check.mjs PATH_OF_SERVE`. It exits with 1 at the first thing that is not
// as it should be.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import https from 'node:https';
import { createInterface } from 'node:readline';

import sdk from 'wechatpay-axios-plugin';

const { Wechatpay } = sdk;
const [, , serve] = process.argv;

/** A sandbox in a process of its own. */
class Sandbox {
  static async start(...options) {
    const sandbox = new Sandbox();
    sandbox.process = spawn(serve, options, { stdio: ['pipe', 'pipe', 'inherit'] });
    sandbox.lines = createInterface({ input: sandbox.process.stdout })[Symbol.asyncIterator]();
    sandbox.settings = await sandbox.line();
    return sandbox;
  }

  async line() {
    const { value, done } = await this.lines.next();
    assert.ok(!done, 'the sandbox ended');
    return JSON.parse(value);
  }

  ask(command) {
    this.process.stdin.write(`${command}\n`);
    return this.line();
  }

  /** It ends with its standard input. */
  async stop() {
    const ended = once(this.process, 'exit');
    this.process.stdin.end();
    const [code] = await ended;
    assert.equal(code, 0);
  }

  client(changes = {}) {
    const { settings } = this;
    const ca = settings.ca ?? undefined;
    return new Wechatpay({
      baseURL: settings.base_uri,
      mchid: settings.mchid,
      serial: settings.serial,
      privateKey: settings.private_key,
      certs: { [settings.platform_serial]: settings.platform_public_key },
      secret: settings.secret,
      merchant: { cert: settings.certificate, key: settings.private_key, ca },
      httpsAgent: new https.Agent({ ca }),
      proxy: false,
      timeout: 30_000,
      ...changes,
    });
  }
}

/** What a call that must fail says. */
async function refusal(call) {
  try {
    await call;
  } catch (error) {
    assert.ok(error.response, error);
    return error.response;
  }
  return assert.fail('a call that must fail did not');
}

async function coupon(client) {
  const order = {
    openid: 'xsd3434454567676',
    appid: 'wx1234567889999',
    stock_id: '12312354',
    out_request_no: '2335465',
    coupon_type: 'NORMAL',
  };
  const { send } = client.v3.marketing.busifavor.productCoupons;
  const sent = await send.post(order);
  assert.equal(sent.status, 200);
  assert.equal(sent.data.out_request_no, order.out_request_no);
  assert.ok(sent.data.coupon_code);
  const again = await send.post(order);
  assert.deepEqual(again.data, sent.data);
  const refused = await refusal(send.post({ ...order, coupon_type: 'OTHER' }));
  assert.equal(refused.status, 400);
  assert.equal(refused.data.code, 'PARAM_ERROR');
}

async function order(sandbox, client, number, signType) {
  const { mchid, ca } = sandbox.settings;
  const common = { appid: 'wx8888888888888888', mch_id: mchid, sign_type: signType };
  const named = { ...common, out_trade_no: number };
  const goods = {
    ...named,
    body: '商品 <&> "引号"',
    total_fee: 100,
    spbill_create_ip: '127.0.0.1',
    notify_url: 'https://www.example.com/notify',
    trade_type: 'NATIVE',
  };
  const { data: unknown } = await refusal(client.v2.pay.orderquery.post(named));
  assert.equal(unknown.err_code, 'ORDERNOTEXIST');

  const { data: placed } = await client.v2.pay.unifiedorder.post(goods);
  assert.match(placed.prepay_id, /^wx[0-9a-z]{34}$/);
  assert.match(placed.code_url, /^weixin:\/\//);
  assert.equal(placed.sign.length, signType === 'HMAC-SHA256' ? 64 : 32);
  const { data: open } = await client.v2.pay.orderquery.post(named);
  assert.equal(open.trade_state, 'NOTPAY');

  const { transaction_id: transactionId } = await sandbox.ask(`pay ${number}`);
  const { data: paid } = await client.v2.pay.orderquery.post(named);
  assert.equal(paid.trade_state, 'SUCCESS');
  assert.equal(paid.transaction_id, transactionId);
  assert.equal(paid.total_fee, '100');
  const { data: closed } = await refusal(client.v2.pay.closeorder.post(named));
  assert.equal(closed.err_code, 'ORDERPAID');

  const refund = { ...named, out_refund_no: `${number}-R`, total_fee: 100, refund_fee: 40 };
  if (ca) {
    const page = await refusal(client.v2.secapi.pay.refund.post(refund, { transformResponse: [] }));
    assert.equal(page.status, 400);
    assert.match(page.data, /No required SSL certificate was sent/);
  }
  const { data: refunded } = await client.v2.secapi.pay.refund.post(refund, { security: true });
  assert.equal(refunded.refund_fee, '40');
  assert.equal(refunded.transaction_id, transactionId);
  const { data: again } = await client.v2.secapi.pay.refund.post(refund, { security: true });
  assert.equal(again.refund_id, refunded.refund_id);
  const { data: listed } = await client.v2.pay.refundquery.post(named);
  assert.equal(listed.refund_id_0, refunded.refund_id);
  assert.equal(listed.refund_status_0, 'SUCCESS');
  const { data: last } = await client.v2.pay.orderquery.post(named);
  assert.equal(last.trade_state, 'REFUND');
}

async function check(...options) {
  const sandbox = await Sandbox.start(...options);
  const client = sandbox.client();
  await coupon(client);
  await order(sandbox, client, 'javascript-md5', 'MD5');
  await order(sandbox, client, 'javascript-hmac', 'HMAC-SHA256');

  const wrong = sandbox.client({ secret: 'x'.repeat(32) });
  const named = { mch_id: sandbox.settings.mchid, out_trade_no: 'javascript-md5' };
  const { data: refused } = await refusal(wrong.v2.pay.orderquery.post(named));
  assert.equal(refused.return_msg, '签名错误');

  // Whatever it sent was good in our eyes, but for what was made to be bad.
  const received = await sandbox.ask('received');
  const bad = received.filter(({ authenticated }) => !authenticated);
  const expected = ['/pay/orderquery'];
  if (sandbox.settings.ca) {
    expected.push('/secapi/pay/refund', '/secapi/pay/refund');
    const secured = received.filter((request) => request.client_certificate);
    assert.equal(secured.length, 4);
    assert.ok(secured.every(({ target }) => target === '/secapi/pay/refund'));
  }
  assert.deepEqual(bad.map(({ target }) => target).sort(), expected);
  await sandbox.stop();
  const { protocol } = new URL(sandbox.settings.base_uri);
  console.log(`${protocol.replace(':', '')}: ${received.length} requests, each as it should be`);
}

await check();
await check('plain');
