#!/usr/bin/env bash
# A real one-node Kubernetes on this machine with the example drivers in it.
#   local-cluster.sh up       start the cluster of CLUSTER, install the drivers
#   local-cluster.sh images   build the drivers' images anew and restart the pods
#   local-cluster.sh down     take everything away again
#   local-cluster.sh env      print what a shell needs for kubectl
#   local-cluster.sh test     up, the tests of this folder, down
# CLUSTER is a folder with up.sh, down.sh, driver-image.sh and env.sh, which start a
# Kubernetes without a registry (root). DRIVERS="local ebs" chooses the drivers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

CLUSTER=${CLUSTER:-../shared/cluster}
DRIVERS=${DRIVERS:-local ebs}
[ -x "$CLUSTER/up.sh" ] || { echo "there is no cluster in $CLUSTER: set CLUSTER, or KUBECONFIG and run make e2e" >&2; exit 1; }

# inside prints a variable of the cluster's settings, whose others (Go's) must
# not reach our builds.
inside() { bash -c '. "$1/env.sh" && eval "printf %s \"\$$2\""' - "$CLUSTER" "$1"; }

settings() {
	KUBECONFIG=$(inside KUBECONFIG)
	PATH=$(inside HK8S_BIN):$PATH
	NODE_ADDRESS=$(inside HK8S_NODE_IP)
	export KUBECONFIG PATH
}

image() { # image NAME: examples/NAME as csikit-(last part):dev
	local name
	name=$(basename "$1")
	CGO_ENABLED=0 go build -trimpath -ldflags=-s -o "build/$name" "./examples/$1"
	"$CLUSTER/driver-image.sh" "docker.io/library/csikit-$name:dev" /driver "/driver=build/$name"
}

images() {
	mkdir -p build
	local d
	for d in $DRIVERS; do image "$d"; done
	case " $DRIVERS " in *" ebs "*) image ebs/ec2test ;; esac
}

install_local() {
	build/local manifests | kubectl apply --server-side -f -
	kubectl -n local-csi-csikit-dev rollout status daemonset/local-csi-csikit-dev-node --timeout=3m
	kubectl -n local-csi-csikit-dev rollout status deployment/local-csi-csikit-dev-controller --timeout=3m
}

# The instance must be in the zone that the node's label tells, if it has one.
install_ebs() {
	local zone
	zone=$(kubectl get nodes -o 'jsonpath={.items[0].metadata.labels.topology\.kubernetes\.io/zone}')
	sed "s|- --launch=m5.large|&\n        - --zone=${zone:-us-east-1a}|" examples/ebs/ec2test/deploy/ec2test.yaml |
		kubectl apply --server-side -f -
	kubectl -n ec2test rollout status deployment/ec2test --timeout=3m
	build/ebs manifests "--ec2test=http://$NODE_ADDRESS:4566" | kubectl apply --server-side -f -
	kubectl -n ebs-csi-aws-com rollout status daemonset/ebs-csi-aws-com-node --timeout=3m
	kubectl -n ebs-csi-aws-com rollout status deployment/ebs-csi-aws-com-controller --timeout=3m
}

# A pool on xfs: only with reflink can a raw device be copied while pods use it.
# It is shared, since pods mount it HostToContainer, which the root of this
# machine does not allow if it is private.
pool() {
	mkdir -p /var/lib/csikit/pool
	truncate -s 200G /var/lib/csikit/pool.img
	mkfs.xfs -q -f /var/lib/csikit/pool.img
	mount -o loop /var/lib/csikit/pool.img /var/lib/csikit/pool
	mount --make-shared /var/lib/csikit/pool
}

up() {
	# Snapshots of node-local volumes are made by each node's snapshotter.
	HK8S_DISTRIBUTED=1 "$CLUSTER/up.sh"
	pool
	images
	local d
	for d in $DRIVERS; do "install_$d"; done
}

# Our own loop devices are those on files of these directories.
down() {
	"$CLUSTER/down.sh" || true
	local dir image loop
	for dir in /var/lib/csikit/pool /var/lib/ec2test/images; do
		[ -d "$dir" ] || continue
		find "$dir" -type f | while read -r image; do
			losetup -n -O NAME -j "$image" | while read -r loop; do losetup -d "$loop"; done
		done
	done
	umount /var/lib/csikit/pool || true
	find /dev/disk/by-id -name 'nvme-Amazon_Elastic_Block_Store_*' -delete 2>/dev/null || true
	rm -rf /var/lib/csikit /var/lib/ec2test
}

case ${1-} in
up | down)
	settings
	"$1"
	;;
images)
	settings
	images
	for ns in local-csi-csikit-dev ebs-csi-aws-com ec2test; do
		kubectl -n "$ns" delete pod --all --ignore-not-found --wait=false
	done
	;;
env)
	settings
	echo "export KUBECONFIG=$KUBECONFIG PATH=$PATH"
	;;
test)
	settings
	trap down EXIT
	up
	CSIKIT_E2E=${DRIVERS// /,} CSIKIT_E2E_KUBELET="$CLUSTER/kubelet.sh restart" go test ./internal/e2e -count=1 -v -timeout 60m
	;;
*)
	sed -n '2,9p' "$0"
	exit 2
	;;
esac
