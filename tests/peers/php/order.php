<?php

// The life of an order, and the seed's coupon, through the PHP SDK as it is: see ../README.md.

require_once __DIR__ . '/autoload.php';

use GuzzleHttp\Exception\RequestException;
use WeChatPay\Builder;
use WeChatPay\Crypto\AesGcm;
use WeChatPay\Crypto\Rsa;
use WeChatPay\Formatter;
use WeChatPay\Transformer;

const APPID = 'wx8888888888888888';
const TOTAL = 2900;

$mchid = getenv('WECHATPAY_MCHID');
$folder = getenv('WECHATPAY_SANDBOX');
$publicKeyId = strstr(getenv('WECHATPAY_CERTS'), '=', true);
$publicKey = Rsa::from("file://$folder/pub_key.pem", Rsa::KEY_TYPE_PUBLIC);
$settings = [
    'mchid' => $mchid,
    'serial' => getenv('WECHATPAY_SERIAL'),
    'privateKey' => Rsa::from("file://$folder/apiclient_key.pem", Rsa::KEY_TYPE_PRIVATE),
    'certs' => [$publicKeyId => $publicKey],
    'secret' => getenv('WECHATPAY_SECRET'),
    'merchant' => ['cert' => "$folder/apiclient_cert.pem", 'key' => "$folder/apiclient_key.pem"],
    'base_uri' => getenv('WECHATPAY_BASE_URI'),
];
if (getenv('WECHATPAY_CA') !== false) {
    $settings['verify'] = "$folder/ca.pem";
}
$instance = Builder::factory($settings);

function expect(string $what, $wanted, $found): void
{
    if ($wanted !== $found) {
        fwrite(STDERR, "$what: wanted " . json_encode($wanted) . ', found ' . json_encode($found) . "\n");
        exit(1);
    }
    echo "$what: " . json_encode($found, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES) . "\n";
}

function filesize_of(string $path): int
{
    clearstatcache();
    return file_exists($path) ? filesize($path) : 0;
}

function json($response): array
{
    return json_decode((string) $response->getBody(), true, 512, JSON_THROW_ON_ERROR);
}

// A server for notifications.
$socket = stream_socket_server('tcp://127.0.0.1:0');
$address = stream_socket_get_name($socket, false);
fclose($socket);
$shop = proc_open(
    [PHP_BINARY, '-S', $address, __DIR__ . '/shop.php'],
    [STDIN, ['file', '/dev/null', 'w'], ['file', '/dev/null', 'w']],
    $pipes
);
register_shutdown_function(static function () use ($shop): void {
    proc_terminate($shop);
});
for ($i = 0; $i < 100 && !@fsockopen('tcp://' . $address); $i++) {
    usleep(50000);
}

$order = static function (string $number) use ($instance, $mchid): array {
    $response = $instance->v3->pay->transactions->outTradeNo->_out_trade_no_
        ->get(['out_trade_no' => $number, 'query' => ['mchid' => $mchid]]);
    return json($response);
};
$number = 'PHP20261125001';

// Native order, query, pay, query.
$prepaid = json($instance->v3->pay->transactions->native->post(['json' => [
    'appid' => APPID,
    'mchid' => $mchid,
    'description' => 'QQ公仔',
    'out_trade_no' => $number,
    'notify_url' => "http://$address/notify",
    'amount' => ['total' => TOTAL, 'currency' => 'CNY'],
]]));
expect('code_url', 'weixin://', substr($prepaid['code_url'], 0, 9));
expect('before the payment', 'NOTPAY', $order($number)['trade_state']);
exec(escapeshellarg(getenv('WECHATPAY')) . " sandbox pay $number", $lines, $code);
expect('the payment', 0, $code);
$paid = $order($number);
expect('after the payment', 'SUCCESS', $paid['trade_state']);

// The notification, verified and decrypted by the SDK's own classes.
for ($i = 0; $i < 100 && filesize_of(getenv('NOTIFIED')) === 0; $i++) {
    usleep(50000);
}
$told = json_decode((string) strtok((string) file_get_contents(getenv('NOTIFIED')), "\n"), true);
$headers = $told['headers'];
$isGenuine = Rsa::verify(
    Formatter::joinedByLineFeed($headers['wechatpay-timestamp'], $headers['wechatpay-nonce'], $told['body']),
    $headers['wechatpay-signature'],
    $publicKey
);
expect('the signature of the notification', true, $isGenuine);
['resource' => $sealed] = json_decode($told['body'], true);
$resource = AesGcm::decrypt(
    $sealed['ciphertext'],
    getenv('WECHATPAY_APIV3_KEY'),
    $sealed['nonce'],
    $sealed['associated_data']
);
expect('what it tells of', $paid['transaction_id'], json_decode($resource, true)['transaction_id']);

// Refund.
$refund = json($instance->chain('v3/refund/domestic/refunds')->postAsync(['json' => [
    'transaction_id' => $paid['transaction_id'],
    'out_refund_no' => "R$number",
    'amount' => ['refund' => TOTAL, 'total' => TOTAL, 'currency' => 'CNY'],
]])->wait());
expect('the refund', "R$number", $refund['out_refund_no']);
expect('after the refund', 'REFUND', $order($number)['trade_state']);

// The seed's coupon, in its three styles.
$coupon = static fn (string $no): array => ['json' => [
    'appid' => 'wx1234567889999',
    'openid' => 'xsd3434454567676',
    'stock_id' => '12312354',
    'out_request_no' => $no,
    'coupon_code' => "20200701$no",
    'coupon_type' => 'NORMAL',
    'member_card_id' => 'pbLatjvWOibDc5-TBnbUk1pD12o0',
]];
$send = $instance->v3->marketing->busifavor->productCoupons->send->post($coupon('9001'));
expect('a coupon, by property', '9001', json($send)['out_request_no']);
$send = $instance->chain('v3/marketing/busifavor/product-coupons/send')->post($coupon('9002'));
expect('a coupon, by chain()', '9002', json($send)['out_request_no']);
$send = $instance['v3/marketing/busifavor/product-coupons/send']->post($coupon('9003'));
expect('a coupon, by index', '9003', json($send)['out_request_no']);

// APIv2 shares the orders.
$v2 = $instance->v2->pay->orderquery->post(['xml' => [
    'appid' => APPID,
    'mch_id' => $mchid,
    'out_trade_no' => $number,
]]);
expect('the order in APIv2', 'REFUND', Transformer::toArray((string) $v2->getBody())['trade_state']);

// A refusal carries its reason.
try {
    $instance->chain('v3/refund/domestic/refunds')->post(['json' => ['out_refund_no' => 'X']]);
    expect('a refund of nothing', 'an exception', null);
} catch (RequestException $refused) {
    expect('a refund of nothing', 400, $refused->getResponse()->getStatusCode());
}

echo "the PHP SDK: all as it should be\n";
