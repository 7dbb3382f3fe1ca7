// The JavaScript SDK against the sandbox: `node check.mjs PATH_OF_WECHATPAY`. It exits with 1 at the first thing that is
// not as it should be.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createInterface } from 'node:readline';

import sdk from 'wechatpay-axios-plugin';

const { Aes, Formatter, Rsa, Wechatpay } = sdk;
const [, , wechatpay] = process.argv;

/** A sandbox in a process of its own. */
class Sandbox {
  static async start(...options) {
    const sandbox = new Sandbox();
    const stdio = ['ignore', 'pipe', 'inherit'];
    sandbox.process = spawn(wechatpay, ['sandbox', '--json', ...options], { stdio });
    const lines = createInterface({ input: sandbox.process.stdout });
    const [line] = await once(lines, 'line');
    sandbox.settings = JSON.parse(line);
    return sandbox;
  }

  /** What the command says to `wechatpay sandbox ACTION …`, line by line. */
  ask(...action) {
    const { base_uri: url, files } = this.settings;
    const ca = files.ca ? ['--ca', files.ca] : [];
    const said = execFileSync(wechatpay, ['sandbox', ...action, '--json', '--url', url, ...ca]);
    return said.toString().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  async stop() {
    const ended = once(this.process, 'exit');
    this.process.kill('SIGINT');
    const [code] = await ended;
    assert.equal(code, 0);
  }

  get ca() {
    const { ca } = this.settings.files;
    return ca ? readFileSync(ca) : undefined;
  }

  client(changes = {}) {
    const { ca, settings } = this;
    const key = readFileSync(settings.files.private_key);
    return new Wechatpay({
      baseURL: settings.base_uri,
      mchid: settings.mchid,
      serial: settings.serial,
      privateKey: key,
      certs: { [settings.platform_serial]: readFileSync(settings.files.public_key) },
      secret: settings.secret,
      merchant: { cert: readFileSync(settings.files.certificate), key, ca },
      httpsAgent: new https.Agent({ ca }),
      proxy: false,
      timeout: 30_000,
      ...changes,
    });
  }
}

/** A shop's server: the first notification that comes to it. */
async function shop() {
  const server = http.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const notified = once(server, 'request').then(async ([request, response]) => {
    const parts = [];
    for await (const part of request) {
      parts.push(part);
    }
    response.writeHead(204).end();
    return { headers: request.headers, body: Buffer.concat(parts).toString() };
  });
  return { server, notified, url: `http://127.0.0.1:${server.address().port}/notify` };
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

/** APIv3: a native order, its query, payment, notification and refund. */
async function order(sandbox, client) {
  const { mchid, apiv3_key: apiv3Key, files } = sandbox.settings;
  const { server, notified, url } = await shop();
  const number = 'javascript-v3';
  const { data: placed } = await client.v3.pay.transactions.native.post({
    appid: 'wx8888888888888888',
    mchid,
    description: '商品 <&> "引号"',
    out_trade_no: number,
    notify_url: url,
    amount: { total: 100, currency: 'CNY' },
  });
  assert.match(placed.code_url, /^weixin:\/\//);
  const query = async () => {
    const chain = client.v3.pay.transactions.outTradeNo.$out_trade_no$;
    const { data } = await chain.get({ out_trade_no: number, params: { mchid } });
    return data;
  };
  assert.equal((await query()).trade_state, 'NOTPAY');
  const [{ transaction_id: transactionId }] = sandbox.ask('pay', number);
  const paid = await query();
  assert.equal(paid.trade_state, 'SUCCESS');
  assert.equal(paid.transaction_id, transactionId);

  const { headers, body } = await notified;
  server.close();
  const message = Formatter.joinedByLineFeed(
    headers['wechatpay-timestamp'],
    headers['wechatpay-nonce'],
    body,
  );
  const publicKey = readFileSync(files.public_key);
  assert.ok(Rsa.verify(message, headers['wechatpay-signature'], publicKey));
  const { resource } = JSON.parse(body);
  const { ciphertext, nonce, associated_data: aad } = resource;
  const told = JSON.parse(Aes.AesGcm.decrypt(ciphertext, apiv3Key, nonce, aad));
  assert.equal(told.transaction_id, transactionId);

  const { data: refund } = await client.v3.refund.domestic.refunds.post({
    transaction_id: transactionId,
    out_refund_no: `${number}-R`,
    amount: { refund: 100, total: 100, currency: 'CNY' },
  });
  assert.equal(refund.out_refund_no, `${number}-R`);
  assert.equal((await query()).trade_state, 'REFUND');
}

async function orderV2(sandbox, client, number, signType) {
  const { ca } = sandbox;
  const { mchid } = sandbox.settings;
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

  const [{ transaction_id: transactionId }] = sandbox.ask('pay', number);
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
  await order(sandbox, client);
  await orderV2(sandbox, client, 'javascript-md5', 'MD5');
  await orderV2(sandbox, client, 'javascript-hmac', 'HMAC-SHA256');

  const wrong = sandbox.client({ secret: 'x'.repeat(32) });
  const named = { mch_id: sandbox.settings.mchid, out_trade_no: 'javascript-md5' };
  const { data: refused } = await refusal(wrong.v2.pay.orderquery.post(named));
  assert.equal(refused.return_msg, '签名错误');

  // Whatever it sent was good in our eyes, but for what was made to be bad.
  const received = sandbox.ask('tail', '--once');
  const bad = received.filter(({ authenticated }) => !authenticated);
  const expected = ['/pay/orderquery'];
  if (sandbox.ca) {
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

await check('--tls');
await check();
