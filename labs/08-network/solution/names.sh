#!/bin/sh
# A container that asks the name server 10.{{net}}.0.{{server}} and looks up short names in {{lan}}.test.
set -eu
exec rlab run --rm --network none --dns 10.{{net}}.0.{{server}} --dns-search {{lan}}.test lab cat /etc/resolv.conf
