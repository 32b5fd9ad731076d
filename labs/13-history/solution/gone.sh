#!/bin/sh
# Nothing to write here. A quick fix is made in one container; then another one of the same image is asked for it.
set -eu
rlab run --rm --network none lab write /etc/quick-fix '{{word}} by hand'
rlab run --rm --network none lab cat /etc/quick-fix 2>/dev/null || echo 'not there'
