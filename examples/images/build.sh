#!/usr/bin/env bash
# Makes container images of the example drivers.
#   build.sh docker NAME...    with docker, or buildah where there is no docker
#   build.sh archive NAME...   OCI archives build/NAME.tar without either (root,
#                              debootstrap); ROOTFS=DIR uses a root file system
#                              that is there already
# NAME is a folder of examples/, such as local or ebs/ec2test. The image is called
# after its last part: csikit-local:dev, csikit-ec2test:dev.
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
	run "$tool" build --tag "csikit-$(basename "$1"):dev" --file "examples/$1/Dockerfile" .
}

rootfs() {
	[ ! -e "$1/usr/sbin/mkfs.xfs" ] || return 0
	[ -n "${DRY:-}" ] || command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap, or set ROOTFS"
	run debootstrap --variant=minbase --include="$PACKAGES" bookworm "$1"
	run rm -rf "$1"/var/cache/apt "$1"/var/lib/apt/lists "$1"/usr/share/doc "$1"/usr/share/man "$1"/usr/share/locale
}

archive() {
	local root=${ROOTFS:-build/rootfs} image
	image=$(basename "$1")
	run mkdir -p build
	rootfs "$root"
	run env CGO_ENABLED=0 go build -trimpath -ldflags=-s -o "build/$image" "./examples/$1"
	run go run ./examples/internal/ociimage -out "build/$image.tar" -name "docker.io/library/csikit-$image:dev" \
		-rootfs "$root" -entrypoint /driver -file "/driver=build/$image"
}

[ $# -ge 2 ] || { sed -n '2,10p' "$0"; exit 2; }
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
