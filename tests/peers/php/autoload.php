<?php

// Guzzle of the system, and the fetched sources of the SDK and of guzzle/uri-template.

require_once 'GuzzleHttp/autoload.php';

spl_autoload_register(static function (string $class): void {
    $folders = [
        'WeChatPay\\' => getenv('PHP_SDK') . '/src/',
        'GuzzleHttp\\UriTemplate\\' => getenv('URI_TEMPLATE') . '/src/',
    ];
    foreach ($folders as $prefix => $folder) {
        if (str_starts_with($class, $prefix)) {
            require_once $folder . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';
        }
    }
});
