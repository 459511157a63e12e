#!/bin/sh
# Make sure that Spark for the tests of linkage on it is in the virtual environment named by the first argument, with the
# version named by the second. Without Java or Spark these tests are skipped, which this says beforehand.
set -eu

if ! command -v java >/dev/null; then
    echo "没有找到 Java，跳过 Spark 上的关联测试：需要 Java 17 或更新，例如 sudo apt-get install default-jre-headless"
    exit 0
fi

if ! "$1/bin/python" -c 'import pyspark' 2>/dev/null; then
    echo "正在安装 Spark（约 500 MB）"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check "$2" ||
        echo "未能安装 Spark，跳过 Spark 上的关联测试：可稍后运行 make spark 重试"
fi
