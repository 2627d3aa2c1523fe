#!/usr/bin/env bash
# make test-vm: builds the tests that need root on this machine, runs them as
# root in a throw-away virtual machine (run.sh), and sums up.
#
#   test.sh [PACKAGE...]     all of VM_PACKAGES if none is given
#
# VM_RUN restricts the tests by name, VM_TIMEOUT (seconds) the whole run. A
# package that fails, or one that skips a test which the machine should be able
# to run, does not stop the others.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
command -v go >/dev/null || { echo "test-vm: Go is missing: https://go.dev/dl/" >&2; exit 1; }
packages=("$@")
[ ${#packages[@]} -gt 0 ] || packages=(./mount ./fs ./internal/loopdev ./internal/freeze ./internal/image ./csi ./csi/csitest/sanity ./backends/local ./internal/vm)

VM_OUT=$(mktemp -d "${TMPDIR:-/tmp}/csikit-test-vm.XXXXXX")
export VM_OUT
trap 'rm -rf "$VM_OUT"' EXIT
began=$SECONDS
for p in "${packages[@]}"; do
	printf 'build %s\n' "$p"
	CGO_ENABLED=0 go test -c -o "$VM_OUT/$(echo "${p#./}" | tr / _).test" "$p"
	printf '%s\n' "${p#./}" >>"$VM_OUT/packages"
done
printf 'built in %d s\n' $((SECONDS - began))

status=0
"$here/run.sh" -m "${VM_MEMORY:-3072}" -t "${VM_TIMEOUT:-3600}" -d csikitA=1G -d csikitB=1G \
	-- bash "$here/guest.sh" "$PWD" "${VM_RUN:-.}" || status=$?
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
