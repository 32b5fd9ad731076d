#!/bin/sh
# A run that fails: the call {{call}} is refused with EPERM.
set -eu
exec rlab run --rm --hostname {{host}} lab id
