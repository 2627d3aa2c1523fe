#!/usr/bin/env bash
# A driver in kind, installed by nothing but its command `manifests`.
#   kind.sh up     make the cluster, load the image, install snapshots and the driver
#   kind.sh demo   the sample claims and pods, and what became of them
#   kind.sh down   delete the cluster
# EXAMPLE=local chooses the driver. DRY=1 only prints the commands.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

EXAMPLE=${EXAMPLE:-local}
CLUSTER=${CLUSTER:-csikit}
SNAPSHOTTER=${SNAPSHOTTER:-v8.6.0}
SNAPSHOTS="https://github.com/kubernetes-csi/external-snapshotter"
IMAGE="csikit-$EXAMPLE:dev"

run() {
	echo "+ $*"
	[ -n "${DRY:-}" ] || "$@"
}

k() { run kubectl --context "kind-$CLUSTER" "$@"; }

need() {
	[ -n "${DRY:-}" ] && return 0
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 1; }
	done
}

install_driver() {
	run go run "./examples/$EXAMPLE" manifests --image="$IMAGE" --replicas=1 --into=build/kind
	k apply --server-side -f build/kind/driver.yaml
}

# Loop devices that are made later do not appear in a kind node's own /dev, which
# is a tmpfs: make the nodes of some before.
loop_devices() {
	local node=$CLUSTER-control-plane
	# shellcheck disable=SC2016 # it is expanded in the node
	run docker exec "$node" sh -c 'for i in $(seq 0 63); do [ -e /dev/loop$i ] || mknod -m 660 /dev/loop$i b 7 $i; done'
	run docker exec "$node" sh -c '[ -e /dev/loop-control ] || mknod -m 660 /dev/loop-control c 10 237'
}

up() {
	need docker kind kubectl go
	run examples/images/build.sh docker "$EXAMPLE"
	run kind create cluster --name "$CLUSTER" --wait 2m
	run kind load docker-image "$IMAGE" --name "$CLUSTER"
	loop_devices
	k apply -k "$SNAPSHOTS/client/config/crd?ref=$SNAPSHOTTER"
	k apply -n kube-system -k "$SNAPSHOTS/deploy/kubernetes/snapshot-controller?ref=$SNAPSHOTTER"
	k -n kube-system patch deployment snapshot-controller --type=json \
		-p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--enable-distributed-snapshotting=true"}]'
	install_driver
	local name
	name=$(awk '/^kind: Namespace/ { found = 1 } found && /^  name:/ { print $2; exit }' "examples/$EXAMPLE/deploy/driver.yaml")
	k -n "$name" rollout status "daemonset/$name-node" --timeout=3m
}

demo() {
	need kubectl go
	k apply -f "examples/$EXAMPLE/deploy/samples.yaml"
	k wait --for=condition=Ready pod --all --timeout=5m
	k get csidriver,csinode,storageclass,persistentvolume,persistentvolumeclaim,volumesnapshot,pod
	k logs writer
}

down() {
	need kind
	run kind delete cluster --name "$CLUSTER"
}

case ${1:-} in
up | demo | down) "$1" ;;
*)
	sed -n '2,7p' "$0"
	exit 2
	;;
esac
