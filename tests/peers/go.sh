#!/usr/bin/env bash
# The Go SDK, unmodified, with the sandbox as its built-in host: tests/peers/go.sh FOLDER_OF_WECHATPAY_GO
set -euo pipefail
cd "$(dirname "$0")/../.."

sdk=$(cd "${1:?the folder of wechatpay-go}" && pwd)
cargo build --quiet --package wechatpay-cli
export WECHATPAY=${CARGO_TARGET_DIR:-$PWD/target}/debug/wechatpay

# A tree of sources as before there were modules: the SDK's own needs only the standard library, but its module file
# names what its tests need, which would be fetched.
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/src/github.com/wechatpay-apiv3"
ln -s "$sdk" "$tree/src/github.com/wechatpay-apiv3/wechatpay-go"
GO111MODULE=off GOPATH=$tree go build -o "$tree/order" tests/peers/go/order.go

"$WECHATPAY" sandbox run --tls -- "$tree/order" public-key
"$WECHATPAY" sandbox run --tls --certificates -- "$tree/order" certificates
