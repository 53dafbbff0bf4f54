#!/bin/sh
# Greets somebody. The arguments are in the file $1, the result goes to the file $2.
set -eu

# Good enough for a plain name; use jq for anything richer.
name=$(sed -n 's/.*"name"[[:space:]]*:[[:space:]]*"\([^"\\]*\)".*/\1/p' "$1")

if [ -z "$name" ]; then
    echo "The argument \"name\" is missing" >&2
    exit 1
fi

echo "Greeting $name"
echo "::debug:: working in $(pwd)"

printf '{"greeting": "Hello, %s!"}\n' "$name" > "$2"
