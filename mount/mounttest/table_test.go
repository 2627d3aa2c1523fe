package mounttest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/mount"
	"github.com/csikit/csikit/mount/mounttest"
)

func TestTable_StagePublishAndBack(t *testing.T) {
	var table mounttest.Table
	ctx := t.Context()
	require.NoError(t, table.Mount(ctx, mount.Mount{Type: "mem", Source: "vol", Options: []mount.Option{{Key: "a", Value: "1"}}}, "/staging/"))
	require.ErrorIs(t, table.Mount(ctx, mount.Mount{Type: "mem"}, "/staging"), mount.ErrMounted)
	require.NoError(t, table.Bind(ctx, mount.Binding{Source: "/staging/sub", Target: "/pod", ReadOnly: true, Options: []mount.Option{{Key: "nodev"}}}))

	info, err := table.Find("/pod")
	require.NoError(t, err)
	require.Equal(t, mount.Info{ID: 2, Type: "mem", Source: "vol", Root: "/sub", ReadOnly: true, Options: []string{"a=1"}, Flags: []string{"nodev"}, Layers: 1}, info)
	info, err = table.Find("/staging")
	require.NoError(t, err)
	require.False(t, info.ReadOnly)
	others, err := table.Others(info)
	require.NoError(t, err)
	require.Empty(t, others, "that is a part of it")
	require.NoError(t, table.Bind(ctx, mount.Binding{Source: "/staging", Target: "/whole"}))
	others, err = table.Others(info)
	require.NoError(t, err)
	require.Equal(t, []string{"/whole"}, others)
	require.NoError(t, table.Unmount(ctx, "/whole"))

	require.NoError(t, table.Unmount(ctx, "/pod"))
	require.NoError(t, table.Unmount(ctx, "/pod"))
	require.NoError(t, table.Unmount(ctx, "/staging"))
	require.Empty(t, table.Mounts())
	_, err = table.Find("/staging")
	require.ErrorIs(t, err, mount.ErrNotMounted)
}

func TestTable_StacksBusyAndDead(t *testing.T) {
	var table mounttest.Table
	ctx, dead := t.Context(), errors.New("daemon died")
	table.Stack(mounttest.Entry{Target: "/t", Info: mount.Info{Source: "one"}})
	table.Stack(mounttest.Entry{Target: "/t", Info: mount.Info{Source: "two"}, Busy: true})
	table.Stack(mounttest.Entry{Target: "/t/below"})
	info, err := table.Find("/t")
	require.NoError(t, err)
	require.Equal(t, "two", info.Source)
	require.Equal(t, 2, info.Layers)
	require.ErrorIs(t, table.Unmount(ctx, "/t"), mount.ErrBusy)
	require.True(t, table.Change("/t", func(e *mounttest.Entry) { e.Busy, e.Dead = false, dead }))
	info, err = table.Find("/t")
	require.NoError(t, err)
	require.Equal(t, dead, info.Dead)
	require.ErrorIs(t, table.Unmount(ctx, "/t"), mount.ErrBusy, "a mount below")
	require.NoError(t, table.Unmount(ctx, "/t/below"))
	require.NoError(t, table.Unmount(ctx, "/t"))
	require.Empty(t, table.Mounts())
	require.False(t, table.Change("/t", nil))
	table.Stack(mounttest.Entry{Target: "/t"})
	table.Reboot()
	require.Empty(t, table.Mounts())
}

func TestTable_FaultAndContext(t *testing.T) {
	var asked []string
	broken := errors.New("broken")
	table := mounttest.Table{Fault: func(op, target string) error {
		asked = append(asked, op+" "+target)
		return broken
	}}
	ctx := t.Context()
	require.ErrorIs(t, table.Mount(ctx, mount.Mount{}, "/a"), broken)
	require.ErrorIs(t, table.Bind(ctx, mount.Binding{Target: "/b"}), broken)
	_, err := table.Find("/c")
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, table.Unmount(ctx, "/d"), broken)
	require.Equal(t, []string{"mount /a", "bind /b", "find /c", "unmount /d"}, asked)
	require.Empty(t, table.Mounts())

	ctx, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, table.Mount(ctx, mount.Mount{}, "/a"), context.Canceled)
	require.Len(t, asked, 4, "nothing is asked after the end")
}

func ExampleTable() {
	table := &mounttest.Table{}
	ctx := context.Background()
	_ = table.Mount(ctx, mount.Mount{Type: "nfs", Source: "server:/export"}, "/staging")
	_ = table.Bind(ctx, mount.Binding{Source: "/staging", Target: "/pod", ReadOnly: true})
	for _, e := range table.Mounts() {
		fmt.Println(e.Target, e.Source, e.ReadOnly)
	}
	// Output:
	// /staging server:/export false
	// /pod server:/export true
}
