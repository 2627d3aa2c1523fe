package csi_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/csikit/csikit/csi"
)

// directories is a complete backend for volumes that are made by hand: the
// volume's id is the name of a directory of the host.
type directories struct{ root string }

func (d directories) Locate(_ context.Context, v csi.NodeVolume) (csi.Source, error) {
	path := filepath.Join(d.root, filepath.Base(v.ID))
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: no directory %s", csi.ErrNotFound, path)
	}
	return csi.Share{Type: "bind", Source: path}, nil
}

// Traits says that there are no raw volumes.
func (directories) Traits() csi.Traits { return csi.Traits{Block: []csi.AccessMode{}} }

var (
	_ csi.Locator   = directories{}
	_ csi.Describer = directories{}
)

func Example() {
	d, err := csi.New("directories.csi.example.com", directories{root: "/srv"}, &csi.Options{
		Version: "1.0.0",
		Logger:  slog.New(slog.NewTextHandler(io.Discard, nil)),
		// Usually nothing, which is all: a node service wants to mount for the kubelet.
		Services: csi.ControllerService,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background()) // signal.NotifyContext in a real main
	stop()
	dir, _ := os.MkdirTemp("", "csi")
	defer os.RemoveAll(dir)
	fmt.Println(d.Name(), d.Run(ctx, "unix://"+dir+"/csi.sock"))
	// Output: directories.csi.example.com <nil>
}

// All that is wrong is said at the start, and what to change.
func ExampleNew() {
	_, err := csi.New("my_driver", directories{root: "/srv"}, &csi.Options{Disable: []string{"Snapshoter"}, StateDir: "state"})
	fmt.Println(err != nil)
	// Output: true
}

func ExampleSizeRange_Fit() {
	const gib = 1 << 30
	asked := csi.SizeRange{Required: 10*gib + 1}
	fmt.Println(asked.Fit(gib, 1*gib, 64*1024*gib))
	asked.Limit = 10*gib + 2
	_, err := asked.Fit(gib, 1*gib, 64*1024*gib)
	fmt.Println(err)
	// Output:
	// 11811160064 <nil>
	// out of range: the smallest possible size is 11811160064 bytes (in steps of 1073741824, at least 1073741824), above the limit of 10737418242
}

func ExampleTopologyRequirement_Choose() {
	zone := func(z string) csi.Topology { return csi.Topology{"example.com/zone": z} }
	asked := csi.TopologyRequirement{
		Requisite: []csi.Topology{zone("a"), zone("b"), zone("c")},
		Preferred: []csi.Topology{zone("c")},
	}
	two, err := asked.Choose(2, []csi.Topology{zone("b"), zone("c"), zone("d")})
	fmt.Println(two, err)
	// Output: [map[example.com/zone:c] map[example.com/zone:b]] <nil>
}

func ExampleTopologyRequirement_Candidates() {
	asked := csi.TopologyRequirement{
		Requisite: []csi.Topology{{"example.com/zone": "a"}, {"example.com/zone": "b"}},
		Preferred: []csi.Topology{{"example.com/zone": "b"}},
	}
	for _, t := range asked.Candidates() {
		fmt.Println(t["example.com/zone"])
	}
	// Output:
	// b
	// a
}

func ExampleDriver_StatusHandler() {
	d, err := csi.New("directories.csi.example.com", directories{root: "/srv"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = d.StatusHandler() // http.Handle("/", d.StatusHandler())
	fmt.Println(len(d.Operations()), "operations run or wait")
	// Output: 0 operations run or wait
}
