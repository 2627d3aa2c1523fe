#!/usr/bin/env bash
# Runs a command as root in a throw-away virtual machine that sees this
# machine's files.
#
#   run.sh [-m MiB] [-t SECONDS] [-d SERIAL=SIZE]... [-a PARAMETERS] -- COMMAND [ARG...]
#
# The guest boots Debian's newest kernel: it has all capabilities, device-mapper,
# NVMe, scsi_debug, ext4, xfs, btrfs, whatever this machine has. Its root is this
# machine's root, read-only, under an overlay in memory: nothing that the command
# writes is kept, except in $VM_OUT if that names a directory. $TMPDIR in the
# guest is a new ext4 disk of 20 GiB.
#
# -d adds an NVMe disk with this serial. The command can plug and unplug more by
# itself: the guest's virtio port csikit.qmp is QEMU's own monitor.
# -a adds to the parameters of the kernel: "security=selinux".
#
# The command's output is written to standard output, its exit status is this
# script's. 124: the time limit was hit; 125: the machine could not be started,
# and standard error says what is missing.
#
# It needs no root, only to install what is missing. Hardware virtualisation is
# used if VM_ACCEL=kvm; the default, tcg, works everywhere and is about ten
# times slower than the host.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
mem=3072 limit=900 disks=() parameters=
while getopts m:t:d:a: option; do
	case $option in
	m) mem=$OPTARG ;;
	t) limit=$OPTARG ;;
	d) disks+=("$OPTARG") ;;
	a) parameters=$OPTARG ;;
	*) exit 125 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 125; }

say() { printf 'vm: %s\n' "$*" >&2; }
die() { say "$@"; exit 125; }

# --- what it needs ---------------------------------------------------------
tools=(qemu-system-x86_64 busybox modprobe cpio mkfs.ext4)
packages=(qemu-system-x86 busybox-static kmod cpio e2fsprogs)

require_tools() {
	local tool missing=()
	for tool in "${tools[@]}"; do command -v "$tool" >/dev/null || missing+=("$tool"); done
	[ ${#missing[@]} -gt 0 ] || return 0
	say "missing on this machine: ${missing[*]}"
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		die "install them with: sudo apt-get install --no-install-recommends ${packages[*]}"
	fi
	apt-get update -qq >&2 || true
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2 ||
		die "apt-get install ${packages[*]} has failed"
}

# The kernel is unpacked into a cache, not installed: no boot loader is touched.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/csikit/vm-kernel
require_kernel() {
	[ ! -e "$cache/version" ] || return 0
	command -v apt-get >/dev/null || die "no apt-get: put boot/vmlinuz-V and lib/modules/V below $cache/root and V into $cache/version"
	mkdir -p "$cache"
	local package work
	package=$(apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image-[0-9]/ { print $2; exit }')
	[ -n "$package" ] || die "apt knows no package linux-image-amd64: run apt-get update, on Debian"
	work=$(mktemp -d "$cache/new.XXXXXX")
	say "downloading $package"
	(cd "$work" && apt-get -o APT::Sandbox::User=root download -qq "$package" >&2 && dpkg -x ./*.deb root) ||
		die "apt-get download $package has failed"
	ls "$work/root/lib/modules" >"$work/version"
	depmod -b "$work/root" "$(cat "$work/version")"
	rm -rf "$cache/root" && mv "$work/root" "$cache/root" && mv "$work/version" "$cache/version"
	rm -rf "$work"
}

# --- the guest -------------------------------------------------------------
# The first root has busybox and the modules that reach the second one.
make_initrd() {
	local root=$dir/initrd module
	mkdir -p "$root/bin" "$root/mods"
	cp "$(command -v busybox)" "$root/bin/"
	for module in virtio_pci virtio_blk virtio_rng virtio_console 9pnet_virtio 9p overlay ext4; do
		modprobe -d "$cache/root" -S "$version" --show-depends "$module" | awk '/^insmod/ { print $2 }'
	done | awk '!seen[$0]++' | while read -r module; do
		cp "$module" "$root/mods/"
		basename "$module"
	done >"$root/mods/order"
	cp "$dir/command" "$root/command"
	cat >"$root/init" <<'INIT'
#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /host /rw /new
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
while read -r m; do insmod "/mods/$m"; done </mods/order
mount -t 9p -o trans=virtio,version=9p2000.L,msize=1048576,cache=loose,ro host /host || poweroff -f
mount -t tmpfs -o mode=755 tmpfs /rw
mkdir /rw/upper /rw/work
mount -t overlay overlay -o lowerdir=/host,upperdir=/rw/upper,workdir=/rw/work /new
for d in proc sys dev; do mount --move /$d /new/$d; done
cp /command /new/.vm-command
exec chroot /new /bin/bash /.vm-command
INIT
	chmod +x "$root/init"
	(cd "$root" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$dir/initrd.gz"
}

# What the second root does: a machine without udev, then the command.
make_command() {
	local command share here
	command=$(printf '%q ' "$@") share=$(printf '%q' "$out") here=$(printf '%q' "$PWD")
	cat >"$dir/command" <<GUEST
export HOME=/root PATH=$(printf '%q' "$PATH") LC_ALL=C CSIKIT_IN_VM=1 DM_DISABLE_UDEV=1 VM_HOST_DIR=$(printf '%q' "$dir")
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /dev/pts /dev/shm /dev/mqueue /lib/modules /vm-tmp $share
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount --bind $(printf '%q' "$cache/root/lib/modules") /lib/modules
mount -t 9p -o trans=virtio,version=9p2000.L,msize=1048576 out $share
for m in loop nvme dm-mod fuse; do modprobe "\$m" 2>/dev/null; done
mount -t ext4 /dev/vda /vm-tmp
chmod 1777 /vm-tmp
export TMPDIR=/vm-tmp VM_OUT=$share
ip link set lo up 2>/dev/null
cd $here
$command </dev/null
echo \$? >$share/.status
cut -d' ' -f1 /proc/uptime >$share/.uptime
sync
busybox poweroff -f
GUEST
}

boot() {
	local args=() n=0 disk
	truncate -s 20G "$dir/tmp.img"
	mkfs.ext4 -q -F -E lazy_itable_init=1,lazy_journal_init=1 "$dir/tmp.img"
	for disk in "${disks[@]}"; do
		truncate -s "${disk#*=}" "$dir/nvme$n.img"
		args+=(-drive "file=$dir/nvme$n.img,if=none,id=n$n,format=raw,discard=unmap,cache=unsafe" -device "nvme,serial=${disk%%=*},drive=n$n")
		n=$((n + 1))
	done
	# An emulated CPU that waits for this machine's looks stuck to its kernel.
	local watchdog=nowatchdog
	[ "${VM_ACCEL:-tcg}" = tcg ] || watchdog=
	# The monitor is a socket that QEMU listens at and, by the second chardev,
	# is connected to itself, so that the guest has it at a virtio port.
	timeout -k 10 "$limit" qemu-system-x86_64 -accel "${VM_ACCEL:-tcg}" -cpu max -m "$mem" -smp 2 \
		-display none -monitor none -serial stdio -no-reboot -nic none \
		-kernel "$cache/root/boot/vmlinuz-$version" -initrd "$dir/initrd.gz" -append "console=ttyS0 panic=-1 mitigations=off $watchdog cryptomgr.notests quiet loglevel=${VM_LOGLEVEL:-3} $parameters" \
		-chardev "socket,id=monitor,path=$dir/qmp.sock,server=on,wait=off" -mon chardev=monitor,mode=control \
		-chardev "socket,id=guest,path=$dir/qmp.sock" -device virtio-serial-pci -device virtserialport,chardev=guest,name=csikit.qmp \
		-device virtio-rng-pci -drive "file=$dir/tmp.img,if=virtio,format=raw,cache=unsafe" "${args[@]}" \
		-virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
		-virtfs "local,path=$out,mount_tag=out,security_model=none,multidevs=remap" </dev/null | sed -u 's/\r$//'
}

require_tools
require_kernel
version=$(cat "$cache/version")
dir=$(mktemp -d "${TMPDIR:-/tmp}/csikit-vm.XXXXXX")
trap 'rm -rf "$dir"' EXIT
out=${VM_OUT:-$dir/out}
mkdir -p "$out"
rm -f "$out/.status" "$out/.uptime"
make_command "$@"
make_initrd
began=$SECONDS
say "Linux $version, $mem MiB, 2 CPUs (${VM_ACCEL:-tcg}), ${#disks[@]} NVMe disks, at most $limit s: $*"
boot || true
[ -e "$out/.status" ] || { say "no exit status after $((SECONDS - began)) s: the command hung, or the machine died"; exit 124; }
say "exit status $(cat "$out/.status"), $((SECONDS - began)) s ($(cut -d. -f1 "$out/.uptime") s in the guest)"
exit "$(cat "$out/.status")"
