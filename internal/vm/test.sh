#!/usr/bin/env bash
# make test-vm: builds the tests that need root on this machine, runs them as
# root in a throw-away virtual machine (run.sh), and sums up.
#
#   test.sh [[selinux:]PACKAGE[=PATTERN]...]     those below if none is given
#
# Those with selinux: run in a second machine, with SELinux and our own small
# policy (selinux.cil); the first one has no SELinux, as Debian has none.
#
# A pattern chooses the tests of a package by name, VM_RUN those of the others;
# VM_TIMEOUT (14400 s) is for each machine, VM_TEST_TIMEOUT (90m) for a package.
# Tests are -short: what only repeats itself is left to the machine outside. A
# package that fails, or one that skips a test which the machine should be able
# to run, does not stop the others.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
command -v go >/dev/null || { echo "test-vm: Go is missing: https://go.dev/dl/" >&2; exit 1; }
packages=("$@")
# Of csi only what mounts; the rest knows no kernel.
node_tests() { grep -ho '^func Test[A-Za-z0-9_]*' csi/node_*_test.go csi/six_*_test.go | sed 's/^func //' | paste -sd '|'; }
[ ${#packages[@]} -gt 0 ] || packages=(./mount ./fs ./internal/loopdev ./internal/freeze ./internal/image "./csi=^($(node_tests))\$" ./backends/local ./internal/vm
	./internal/crashtest=LUKS selinux:./mount=R16 selinux:./internal/vm=SELinux)

VM_OUT=$(mktemp -d "${TMPDIR:-/tmp}/csikit-test-vm.XXXXXX")
export VM_OUT
trap 'rm -rf "$VM_OUT"' EXIT
began=$SECONDS
for p in "${packages[@]}"; do
	pattern=${VM_RUN:-.} tags= list=packages
	case $p in selinux:*) list=packages.selinux p=${p#selinux:} ;; esac
	case $p in *=*) pattern=${p#*=} p=${p%%=*} ;; esac
	case $p in # crash tests of LUKS need device-mapper, and cheap keys the tag
	./fs | ./csi | ./internal/vm | ./internal/crashtest) tags=csikit_crash ;;
	esac
	[ "$p" != ./internal/crashtest ] || CGO_ENABLED=0 go build -tags csikit_crash -o "$VM_OUT/driver" ./examples/local
	printf 'build %s\n' "$p"
	CGO_ENABLED=0 go test -c -tags "$tags" -o "$VM_OUT/$(echo "${p#./}" | tr / _).test" "$p"
	printf '%s %s\n' "${p#./}" "$pattern" >>"$VM_OUT/$list"
done
if [ -e "$VM_OUT/packages.selinux" ]; then # 31: of Linux 4.14, and of every kernel since
	if ! command -v secilc >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends secilc >&2 || true
	fi
	command -v secilc >/dev/null || { echo "test-vm: install secilc: sudo apt-get install --no-install-recommends secilc" >&2; exit 1; }
	secilc -c 31 -o "$VM_OUT/policy" -f /dev/null "$here/selinux.cil"
fi
printf 'built in %d s\n' $((SECONDS - began))

status=0
machine() { # LIST PARAMETERS
	local failed=0
	[ -e "$VM_OUT/$1" ] || return 0
	"$here/run.sh" -m "${VM_MEMORY:-3072}" -t "${VM_TIMEOUT:-14400}" -d csikitA=1G -d csikitB=1G -a "$2" \
		-- env CSIKIT_CRASH_SAMPLE="${CSIKIT_CRASH_SAMPLE:-}" VM_TEST_TIMEOUT="${VM_TEST_TIMEOUT:-}" bash "$here/guest.sh" "$PWD" "$1" || failed=$?
	[ "$failed" -le "$status" ] || status=$failed
}
machine packages ""
machine packages.selinux security=selinux
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
