#!/usr/bin/env bash
# Runs in the virtual machine: for each line of $VM_OUT/$2, a package and
# a pattern for -test.run, its test binary in $VM_OUT, in the folder of the
# package, below the source tree $1. Adds to
# $VM_OUT/summary, and fails if a test fails, if a device, a mount or a process
# in state D is left behind, or if the kernel has complained.
set -uo pipefail
tree=$1 list=$2 failed=0
export CSIKIT_CRASH_DRIVER=$VM_OUT/driver CSIKIT_CRASH_SAMPLE=${CSIKIT_CRASH_SAMPLE:-10}
printf 'booted after %s s: Linux %s\n' "$(cut -d' ' -f1 /proc/uptime)" "$(uname -r)"

# A kernel that was booted with SELinux has no policy yet. Loading ours leaves it
# permissive: what is tested are contexts, not rules.
if grep -q selinuxfs /proc/filesystems; then
	mount -t selinuxfs selinuxfs /sys/fs/selinux && dd if="$VM_OUT/policy" of=/sys/fs/selinux/load bs=1M status=none || exit 1
	export CSIKIT_VM_SELINUX=1
fi

count() { grep -c "^ *--- $1" "$log"; }

# Kernel messages that no fault of ours may cause.
complaints='BUG:|WARNING:|Oops|general protection|Call Trace|blocked for more than'

left_behind() {
	dmsetup ls 2>/dev/null | grep -v '^No devices found' | sed 's/^/left behind: mapping /'
	losetup -a | sed 's/^/left behind: /'
	awk '$5 ~ "^/vm-tmp/." { print "left behind: mount " $5 }' /proc/self/mountinfo
	ps -eo pid,stat,args 2>/dev/null | awk '$2 ~ /^D/ && $3 !~ /^\[/ { print "left behind: in state D: " $0 }'
}

while read -r package pattern; do
	began=$SECONDS log=$VM_OUT/$(echo "$package" | tr / _).log status=0
	printf '\n=== %s\n' "$package"
	dmesg -C
	export CSIKIT_CHEAP_KEYS=1
	[ "$package" != fs ] || unset CSIKIT_CHEAP_KEYS # it tests the real ones
	(cd "$tree/$package" && "$VM_OUT/$(echo "$package" | tr / _).test" -test.v -test.short -test.timeout "${VM_TEST_TIMEOUT:-90m}" -test.run "$pattern") >"$log" 2>&1 || status=$?
	grep -E '^ *--- |^(FAIL|PASS|panic)|measured:|csi-sanity:' "$log"
	{ left_behind; dmesg | grep -E -A 25 "$complaints"; } >"$log.after"
	if [ -s "$log.after" ]; then
		cat "$log.after"
		[ "$status" != 0 ] || status=1
	fi
	if [ "$status" != 0 ]; then
		failed=1
		printf '\n--- output of %s:\n' "$package"
		cat "$log"
		echo w >/proc/sysrq-trigger # the stacks of what is blocked
		dmesg | tail -n 80
	fi
	printf '%-22s %s  %4d passed %3d failed %3d skipped  %4d s\n' "$package" "$([ "$status" = 0 ] && echo ok || echo FAIL)" \
		"$(count PASS)" "$(count FAIL)" "$(count SKIP)" $((SECONDS - began)) | tee -a "$VM_OUT/summary"
done <"$VM_OUT/$list"
exit $failed
