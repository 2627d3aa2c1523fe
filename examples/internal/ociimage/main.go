// Command ociimage writes a container image as an OCI archive, without Docker:
//
//	ociimage -out local.tar -name docker.io/library/csikit-local:dev \
//		-rootfs build/rootfs -entrypoint /driver -file /driver=build/local
//
// Layers are the root file system, if one is given, and the files. Equal input
// gives an equal archive. Import it with `ctr -n k8s.io images import`, `kind
// load image-archive`, `skopeo copy oci-archive:` or `docker load`.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// options are the command line.
type options struct {
	out, name, rootfs, entrypoint, arch string
	files                               []file
}

// A file is copied from the machine into the image.
type file struct{ dst, src string }

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ociimage:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var o options
	fs := flag.NewFlagSet("ociimage", flag.ContinueOnError)
	fs.StringVar(&o.out, "out", "", "`file` of the archive")
	fs.StringVar(&o.name, "name", "", "`name` of the image, with registry and tag")
	fs.StringVar(&o.rootfs, "rootfs", "", "`directory` of a root file system; empty makes an image of the files alone")
	fs.StringVar(&o.entrypoint, "entrypoint", "", "`program` that the image runs")
	fs.StringVar(&o.arch, "arch", runtime.GOARCH, "`architecture` of the programs")
	fs.Func("file", "a `file` as /path/in/image=path", func(text string) error {
		dst, src, ok := strings.Cut(text, "=")
		if !ok || !strings.HasPrefix(dst, "/") {
			return errors.New("want /path/in/image=path")
		}
		o.files = append(o.files, file{dst, src})
		return nil
	})
	if err := fs.Parse(args); err != nil {
		return err
	}
	if o.out == "" || o.name == "" || o.entrypoint == "" || (o.rootfs == "" && len(o.files) == 0) {
		return errors.New("-out, -name, -entrypoint and -rootfs or -file are required")
	}
	return write(o)
}
