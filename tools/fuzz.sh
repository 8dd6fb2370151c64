#!/bin/sh
# Runs every fuzz target of the module, one after the other: fuzz.sh DURATION.
# Stops at the first that fails; its input is then under testdata/fuzz of its package.
set -eu

duration=${1:?usage: fuzz.sh DURATION}
go=${GO:-go}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Go before 1.27 may report the end of the duration itself as a failure, more often
# on a busy machine (go.dev/issue/75804): its coordinator wakes before those who it
# coordinates are told, and takes the end for an error of theirs. Nothing was found
# until then. Such a run says this one line and names no input; anything else is a finding.
cut_off() {
	grep -qx ' *context deadline exceeded' "$log" &&
		! grep -Eq 'Failing input written|seed corpus entry|panic:|fatal error:' "$log"
}

fuzz() { # PACKAGE TARGET
	echo "fuzz $1 $2 for $duration"
	if ! "$go" test -run '^$' -fuzz "^$2\$" -fuzztime "$duration" "$1" >"$log" 2>&1 && ! cut_off; then
		cat "$log" >&2
		echo "fuzz $1 $2: FAILED" >&2
		return 1
	fi
	sed -n '/^fuzz: elapsed/h; ${x;p;}' "$log"
}

# `go test -list` prints a package's targets and then its "ok" line.
CGO_ENABLED=0
export CGO_ENABLED
list=$("$go" test -list '^Fuzz' ./...) || { printf '%s\n' "$list" >&2; exit 1; }
targets=$(printf '%s\n' "$list" | awk '/^Fuzz/ { names[++n] = $1 } /^ok/ { for (i = 1; i <= n; i++) print $2, names[i]; n = 0 }')
if [ -z "$targets" ]; then
	echo "fuzz: no target found, yet every decoder has one" >&2
	exit 1
fi
count=0
while read -r package target; do
	fuzz "$package" "$target" </dev/null
	count=$((count + 1))
done <<EOF
$targets
EOF
echo "fuzz: $count targets passed"
