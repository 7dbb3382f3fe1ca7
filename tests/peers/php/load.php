<?php

// What a request of the PHP SDK costs, one at a time: see ../README.md. CPU time is this process's own.

require_once __DIR__ . '/autoload.php';

use WeChatPay\Builder;
use WeChatPay\Crypto\Rsa;

const PATH = 'v3/marketing/busifavor/product-coupons/send';

$requests = (int) ($argv[1] ?? 500);
$rounds = (int) ($argv[2] ?? 5);

$folder = getenv('WECHATPAY_SANDBOX');
$private = Rsa::from("file://$folder/apiclient_key.pem", Rsa::KEY_TYPE_PRIVATE);
$own = Rsa::from("file://$folder/apiclient_cert.pem", Rsa::KEY_TYPE_PUBLIC);
$platform = Rsa::from("file://$folder/pub_key.pem", Rsa::KEY_TYPE_PUBLIC);
$settings = [
    'mchid' => getenv('WECHATPAY_MCHID'),
    'serial' => getenv('WECHATPAY_SERIAL'),
    'privateKey' => $private,
    'certs' => [strstr(getenv('WECHATPAY_CERTS'), '=', true) => $platform],
    'base_uri' => getenv('WECHATPAY_BASE_URI'),
];
if (getenv('WECHATPAY_CA') !== false) {
    $settings['verify'] = "$folder/ca.pem";
}
$instance = Builder::factory($settings);

function body(int $number): array
{
    return [
        'openid' => 'xsd3434454567676', 'appid' => 'wx1234567889999', 'stock_id' => '12312354',
        'out_request_no' => (string) $number, 'coupon_code' => '202007019999',
        'coupon_type' => 'NORMAL', 'member_card_id' => 'pbLatjvWOibDc5-TBnbUk1pD12o0',
    ];
}

/** Microseconds of CPU of each run. */
function cpu(int $count, callable $run): float
{
    $used = static function (): float {
        $usage = getrusage();
        $seconds = $usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec'];
        return $seconds * 1e6 + $usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec'];
    };
    $before = $used();
    for ($number = 0; $number < $count; $number++) {
        $run($number);
    }
    return ($used() - $before) / $count;
}

function median(array $values): float
{
    sort($values);
    return $values[intdiv(count($values), 2)];
}

$request = static function (int $number) use ($instance): void {
    $instance->chain(PATH)->post(['json' => body($number)]);
};
$request(0);
$raw = $client = $elapsed = [];
for ($round = 0; $round < $rounds; $round++) {
    $raw[] = cpu($requests, static function (int $number) use ($private, $own): void {
        $message = json_encode(body($number));
        if (!Rsa::verify($message, Rsa::sign($message, $private), $own)) {
            exit('a signature that does not verify');
        }
    });
    $started = hrtime(true);
    $client[] = cpu($requests, $request);
    $elapsed[] = (hrtime(true) - $started) / 1e9;
}
printf("CPU, one raw signature and verification  %8.1f µs\n", median($raw));
printf("CPU, a request of the PHP SDK            %8.1f µs   %.3f of raw\n", median($client), median($client) / median($raw));
printf("1 in flight: %.0f requests/s\n", $requests / median($elapsed));
