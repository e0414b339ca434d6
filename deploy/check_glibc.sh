#!/bin/sh
# Lambda's provided.al2023 has glibc 2.34: a program that needs a newer one would not start there.
set -eu
for program in "$@"; do
    newest=$(objdump -T "$program" | grep -oE 'GLIBC_[0-9]+(\.[0-9]+)+' | sort -Vu | tail -1)
    [ -n "$newest" ] || { echo "$program: no symbols of glibc found" >&2; exit 1; }
    if [ "$(printf '%s\nGLIBC_2.34\n' "$newest" | sort -V | tail -1)" != GLIBC_2.34 ]; then
        echo "$program needs $newest, and Lambda has GLIBC_2.34: build on an older system, or see docs/deploy.md" >&2
        exit 1
    fi
done
