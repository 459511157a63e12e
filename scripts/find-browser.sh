#!/bin/sh
# Make sure that a Chromium for the page tests is on this machine; install Debian's where that is possible.
set -eu

for browser in chromium chromium-browser google-chrome; do
    if command -v "$browser" >/dev/null; then
        exit 0
    fi
done

as_root=""
if [ "$(id -u)" != 0 ]; then
    as_root="sudo -n"
fi
if command -v apt-get >/dev/null && $as_root true 2>/dev/null; then
    echo "正在安装 Chromium（页面测试需要）"
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
    exit 0
fi

echo "没有找到 Chromium，页面测试无法运行：请安装 chromium，例如 sudo apt-get install chromium" >&2
exit 1
