// Package csikit is a library for people who write CSI drivers, the programs
// through which Kubernetes and other container orchestrators use storage.
//
// A driver is one small interface about your storage: make a volume, delete it,
// describe it, and say where it is on a node. Everything else a driver must do
// is done by csikit: the RPCs of the CSI specification, validation, idempotency,
// locking, error codes, and on the node formatting, checking, mounting, growing
// and unmounting. What your storage can do beyond the four methods (snapshots,
// clones, growth, attachment, ...) are optional interfaces. csikit finds out
// which of them your type has, and offers exactly those.
//
// A main is short:
//
//	package main
//
//	func main() {
//		dir := "/var/lib/volumes"
//		cli.Main(cli.Program{
//			Name:    "minimal.csi.example.com",
//			Summary: "a volume is a directory",
//			Flags:   func(fs *flag.FlagSet) { fs.StringVar(&dir, "dir", dir, "`directory` of the volumes") },
//			Backend: func(context.Context, cli.Config) (csi.Locator, error) { return backend{dir}, nil },
//		})
//	}
//
// The packages, in the order in which to read them:
//
//   - examples/minimal is a complete driver in 60 lines. Start there.
//   - [github.com/csikit/csikit/csi] is the contract, [csi.Backend] and the
//     optional interfaces, and the servers that turn a backend into a driver.
//   - [github.com/csikit/csikit/csi/cli] is the main function that drivers share.
//   - [github.com/csikit/csikit/csi/deploy] makes Kubernetes manifests of what a
//     driver can do, [github.com/csikit/csikit/csi/registration] tells the
//     kubelet of it, and [github.com/csikit/csikit/csi/doctor] says what a node
//     lacks. csi/cli has them as commands and flags.
//   - [github.com/csikit/csikit/csi/csitest] decides whether a backend is correct.
//   - [github.com/csikit/csikit/mount] makes, verifies, finds and undoes mounts.
//   - [github.com/csikit/csikit/fs] knows what is on a block device and changes
//     it safely.
//   - [github.com/csikit/csikit/backends/local] is a backend on local disks:
//     image files as loop devices, with snapshots, clones and growth.
//   - [github.com/csikit/csikit/backends/ebs] is a backend on Amazon EBS, and
//     [github.com/csikit/csikit/backends/ebs/ec2test] an EC2 to test it on.
//   - examples/local is the driver of the local backend, and examples/local/demo
//     shows it at work on your machine: make demo.
//
// Imports point one way: examples, backends, csi, then mount and fs, which do
// not know each other. mount and fs can be used without the rest.
//
// This package holds no code.
//
// [csi.Backend]: https://pkg.go.dev/github.com/csikit/csikit/csi#Backend
package csikit
