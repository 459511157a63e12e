#!/bin/sh
# Make the virtual environment named by the first argument with the newest Python that serves.
set -eu

for python in python3.13 python3.12 python3.14 python3.11 python3; do
    if "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        exec "$python" -m venv "$1"
    fi
done

echo "没有找到可用的 Python：需要 Python 3.11 或更新的版本，并带有 venv 模块。" >&2
echo "Debian / Ubuntu 上可以运行：apt-get install python3 python3-venv" >&2
exit 1
