#!/usr/bin/env bash
# make test-vm: builds the tests that need root on this machine, runs them as
# root in a throw-away virtual machine (run.sh), and sums up.
#
#   test.sh [PACKAGE[=PATTERN]...]     those below if none is given
#
# A pattern chooses the tests of a package by name, VM_RUN those of the others;
# VM_TIMEOUT (seconds) is for the whole run. A package that fails, or one that
# skips a test which the machine should be able to run, does not stop the others.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
command -v go >/dev/null || { echo "test-vm: Go is missing: https://go.dev/dl/" >&2; exit 1; }
packages=("$@")
[ ${#packages[@]} -gt 0 ] || packages=(./mount ./fs ./internal/loopdev ./internal/freeze ./internal/image ./csi ./csi/csitest/sanity ./backends/local ./internal/vm
	./internal/crashtest=LUKS)

VM_OUT=$(mktemp -d "${TMPDIR:-/tmp}/csikit-test-vm.XXXXXX")
export VM_OUT
trap 'rm -rf "$VM_OUT"' EXIT
began=$SECONDS
for p in "${packages[@]}"; do
	pattern=${VM_RUN:-.} tags=
	case $p in *=*) pattern=${p#*=} p=${p%%=*} ;; esac
	case $p in # crash tests of LUKS need device-mapper, and cheap keys the tag
	./fs | ./csi | ./internal/vm | ./internal/crashtest) tags=csikit_crash ;;
	esac
	[ "$p" != ./internal/crashtest ] || CGO_ENABLED=0 go build -tags csikit_crash -o "$VM_OUT/driver" ./examples/local
	printf 'build %s\n' "$p"
	CGO_ENABLED=0 go test -c -tags "$tags" -o "$VM_OUT/$(echo "${p#./}" | tr / _).test" "$p"
	printf '%s %s\n' "${p#./}" "$pattern" >>"$VM_OUT/packages"
done
printf 'built in %d s\n' $((SECONDS - began))

status=0
"$here/run.sh" -m "${VM_MEMORY:-3072}" -t "${VM_TIMEOUT:-7200}" -d csikitA=1G -d csikitB=1G \
	-- env CSIKIT_CRASH_SAMPLE="${CSIKIT_CRASH_SAMPLE:-}" bash "$here/guest.sh" "$PWD" || status=$?
if [ -s "$VM_OUT/summary" ]; then
	printf '\n=== test-vm: %d s in all\n' $((SECONDS - began))
	cat "$VM_OUT/summary"
fi
if [ "$status" = 125 ]; then
	echo "test-vm: the virtual machine could not be started; see above what is missing" >&2
elif [ "$status" = 124 ]; then
	echo "test-vm: the machine gave no answer in time; the last test above is the one that hung" >&2
fi
exit "$status"
