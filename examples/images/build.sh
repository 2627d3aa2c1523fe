#!/usr/bin/env bash
# Makes container images of the example drivers.
#   build.sh docker NAME...    with docker, or buildah where there is no docker
#   build.sh archive NAME...   OCI archives build/NAME.tar without either (root,
#                              debootstrap); ROOTFS=DIR uses a root file system
#                              that is there already
# NAME is a folder of examples/. The image is called csikit-NAME:dev.
# DRY=1 only prints the commands.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# What the node plugin runs, from Debian; see the Dockerfiles too.
PACKAGES=e2fsprogs,xfsprogs,btrfs-progs,util-linux,mount,cryptsetup-bin,kmod,nfs-common,ca-certificates

run() {
	echo "+ $*"
	[ -n "${DRY:-}" ] || "$@"
}

fail() {
	echo "$*" >&2
	exit 1
}

builder() {
	command -v docker || command -v buildah || fail "neither docker nor buildah is here: use build.sh archive"
}

with_docker() {
	local tool
	tool=$(builder)
	run "$tool" build --tag "csikit-$1:dev" --file "examples/$1/Dockerfile" .
}

rootfs() {
	[ ! -e "$1/usr/sbin/mkfs.xfs" ] || return 0
	[ -n "${DRY:-}" ] || command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap, or set ROOTFS"
	run debootstrap --variant=minbase --include="$PACKAGES" bookworm "$1"
	run rm -rf "$1"/var/cache/apt "$1"/var/lib/apt/lists "$1"/usr/share/doc "$1"/usr/share/man "$1"/usr/share/locale
}

archive() {
	local root=${ROOTFS:-build/rootfs}
	run mkdir -p build
	rootfs "$root"
	run env CGO_ENABLED=0 go build -trimpath -ldflags=-s -o "build/$1" "./examples/$1"
	run go run ./examples/internal/ociimage -out "build/$1.tar" -name "docker.io/library/csikit-$1:dev" \
		-rootfs "$root" -entrypoint /driver -file "/driver=build/$1"
}

[ $# -ge 2 ] || { sed -n '2,9p' "$0"; exit 2; }
how=$1
shift
for name in "$@"; do
	[ -f "examples/$name/main.go" ] || fail "there is no driver examples/$name"
	case $how in
	docker) with_docker "$name" ;;
	archive) archive "$name" ;;
	*) fail "want docker or archive, not $how" ;;
	esac
done
