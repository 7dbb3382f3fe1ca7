#!/usr/bin/env bash
# The PHP SDK, unmodified, against the sandbox: tests/peers/php.sh FOLDER_OF_WECHATPAY_PHP FOLDER_OF_URI_TEMPLATE
set -euo pipefail
cd "$(dirname "$0")/../.."

PHP_SDK=$(cd "${1:?the folder of wechatpay-php}" && pwd)
URI_TEMPLATE=$(cd "${2:?the folder of guzzle/uri-template}" && pwd)
export PHP_SDK URI_TEMPLATE
cargo build --quiet --package wechatpay-cli
export WECHATPAY=${CARGO_TARGET_DIR:-$PWD/target}/debug/wechatpay

for tls in "" --tls; do
    NOTIFIED=$(mktemp)
    export NOTIFIED
    # shellcheck disable=SC2086 # Empty is no argument.
    "$WECHATPAY" sandbox run $tls -- php tests/peers/php/order.php
    rm -f "$NOTIFIED"
done
