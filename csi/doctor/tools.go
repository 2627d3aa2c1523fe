package doctor

import (
	"context"
	"os/exec"
	"strings"

	"github.com/csikit/csikit/internal/proc"
)

// A tool is a program that the node plugin runs.
type tool struct {
	name, version string // version is the flag that prints it
	pkg           string // of Debian
	need          Verdict
}

var deviceTools = []tool{
	{"blkid", "-V", "util-linux", Failure},
	{"mkfs.ext4", "-V", "e2fsprogs", Failure},
	{"resize2fs", "", "e2fsprogs", Failure},
	{"mkfs.xfs", "-V", "xfsprogs", Warning},
	{"xfs_growfs", "-V", "xfsprogs", Warning},
	{"mkfs.btrfs", "-V", "btrfs-progs", Warning},
	{"cryptsetup", "-V", "cryptsetup-bin", Warning},
}

// tools looks for the programs that volumes on devices need.
func tools(ctx context.Context, t Target) (out []Finding) {
	traits := t.Driver.Traits()
	if traits.PerPod || (traits.Block != nil && len(traits.Block) == 0) {
		return nil
	}
	for _, tool := range deviceTools {
		out = append(out, tool.look(ctx))
	}
	return out
}

func (t tool) look(ctx context.Context) Finding {
	if _, err := exec.LookPath(t.name); err != nil {
		return Finding{"tool " + t.name, "not found in PATH", "add the package " + t.pkg + " to the driver's image", t.need}
	}
	if t.version == "" {
		return Finding{Check: "tool " + t.name, Found: "present"}
	}
	r, err := proc.Run(ctx, proc.Cmd{Name: t.name, Args: []string{t.version}})
	if err != nil {
		return Finding{"tool " + t.name, "does not run: " + err.Error(), "install the package " + t.pkg + " anew", t.need}
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(r.Stdout)+string(r.Stderr)), "\n")
	return Finding{Check: "tool " + t.name, Found: first}
}
