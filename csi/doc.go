// Package csi turns a storage system into a CSI driver.
//
// An author describes the storage by one small required interface and any of a
// set of optional ones. From what the value implements, the package advertises
// the capabilities, serves the RPCs of the CSI specification v1.13, validates
// requests, locks, deduplicates, maps errors to codes, formats, mounts, grows
// and unmounts. A backend describes ("the volume is at this device"); the
// framework acts. A whole driver is this main and a value of yours:
//
//	func main() {
//		d, err := csi.New("minimal.csi.example.com", backend{}, nil)
//		if err != nil {
//			log.Fatal(err)
//		}
//		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
//		defer stop()
//		if err := d.Run(ctx, os.Getenv("CSI_ENDPOINT")); err != nil {
//			log.Fatal(err)
//		}
//	}
//
// Package csi/cli adds flags, logging and an HTTP address to it.
//
// # What to implement
//
//  1. [Locator], always: where a volume is on this node, as a [Device] or a
//     [Share]. It is enough for volumes that are made by hand.
//  2. [Provisioner], to make, delete and describe volumes. Both together are a
//     [Backend].
//  3. [Attacher], if volumes must be attached to a node first.
//  4. [Expander] to grow volumes from the controller, [NodeExpander] to do or to
//     finish it on the node. [Modifier] to change other properties.
//  5. [Snapshotter] and [Cloner] to make volumes from content.
//  6. [VolumeLister], [SnapshotLister], [CapacityReporter] to be asked what
//     there is.
//  7. On the node: [NodeDescriber] for its id, limit and topology, [Releaser] to
//     undo what Locate did, [FormatRecorder] to remember that a volume has
//     been formatted, [UsageReporter] for quotas, [Ephemeral] and [Populator] for
//     volumes that belong to a pod.
//  8. [Describer], for facts that are no methods: access modes, topology keys.
//     [AccessChecker] refines them. [Prober] says whether the backend can work.
//
// Each interface says what happens if it is absent. [New] finds them once and
// refuses methods that have the name but not the signature of one of them, so
// that none is lost in silence; still, have lines such as
//
//	var _ csi.Attacher = (*Backend)(nil)
//
// # The life of a volume
//
// CreateVolume (or RestoreVolume, CloneVolume), Attach, then on the node:
// Locate, proof of the device's identity, formatting if the device is proven to
// be empty and the volume is new, check, mount, growth to the device's size;
// one bind mount per pod. At the end unmount, Release, Detach, DeleteVolume.
// Growth runs ExpandVolume and GrowDevice while pods write. Every step may be
// repeated at any time, by a retry or after a crash, and finds what the last
// attempt left.
//
// # Errors say whether it is over
//
// Kubernetes takes ABORTED, UNAVAILABLE, CANCELLED and DEADLINE_EXCEEDED as "may
// still be running", and every other code as "finished, and nothing exists": it
// then forgets the volume. So return one of the errors of this package, wrapped
// with what was found, and return [ErrFailed] or another final one only if
// nothing was left behind. An error that wraps none of them counts as
// [ErrUnavailable] where something may have changed. There is one table, in
// code.go. [Error] adds what was attempted on which volume; the framework does
// that by itself.
//
// # Concurrency
//
// Methods are called concurrently. Within this process, mutating calls on one
// volume exclude each other, except where they concern different parts of it:
// attachments to two nodes, growth beside modification. Reads never wait. An
// identical retry joins the call that is running and gets its result; a
// different one waits, and is told shortly before its deadline who is in the way
// (ABORTED). What a mutating call does outlives the RPC: its context ends after
// [Options.OperationTimeout], at shutdown, or when the opposite is asked for:
// unstage, unpublish and detach cancel the stage, publish and attach of the same
// volume ([context.Cause] names the RPC) and run when those have returned.
// Locate and reads have a context that ends when the last caller has left.
//
// Exclusion between processes is the storage's business: a new leader can run
// beside an old one.
//
// # What a StorageClass can say to every driver
//
// Parameters that begin with fs.csikit.io/ are the framework's; a backend does
// not see them. They are the format options that package fs lists, such as
// fs.csikit.io/blockSize, and for volumes that are devices
//
//	fs.csikit.io/encrypt: luks2
//	fs.csikit.io/luksDiscard: "true" or "false", the default
//	fs.csikit.io/luksSectorSize: 512, 1024, 2048 or 4096 bytes
//
// with the passphrase under the key encryptionPassphrase in the secret that the
// class names by csi.storage.k8s.io/node-stage-secret-name and -namespace. What
// no node could do with them is INVALID_ARGUMENT when the volume is created.
//
// # What not to do
//
//   - Don't wrap a backend in a decorator: that hides its optional interfaces.
//     What cuts across RPCs is an interceptor in [Options.ServerOptions].
//   - Don't mount, format, grow or unmount a [Device]: return it.
//   - Don't dial in a constructor; Probe and the first call are early enough.
//   - Don't round sizes or solve topologies by hand: [SizeRange.Fit],
//     [TopologyRequirement.Candidates], [TopologyRequirement.Choose].
//   - Don't log requests: the framework writes one line per RPC, without
//     secrets. [Secrets] hide themselves, their elements do not.
//   - Don't return a child process or a goroutine that still runs: the keys of
//     the operation are free when the method has returned.
//   - Don't keep state that only this process knows: the answer to a retry
//     comes from the storage.
//
// Package csi/csitest decides whether a backend keeps the contract.
package csi
