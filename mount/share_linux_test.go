package mount

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

var realMount, _ = exec.LookPath("mount")

// fakeMount puts a mount(8) first in PATH that writes down what it is given and
// then runs the script. The name of the target is the last argument.
func fakeMount(t *testing.T, script string) (record string) {
	dir := t.TempDir()
	record = filepath.Join(dir, "record")
	text := "#!/bin/sh\nfor target; do :; done\n(echo \"$@\"; cat; env) > " + record + "\nmount=" + realMount + "\n" + script
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mount"), []byte(text), 0o700))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return record
}

func TestR27_ShareByHelper(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		record := fakeMount(t, `exec $mount -t tmpfs -o ro,size=64k server "$target"`)
		at := target(t, looptest.Dir(t), "at")
		m := Mount{Type: "cifs", Source: "//server/share", ReadOnly: true, Options: []Option{
			{Key: "rw"}, {Key: "vers", Value: "3.1.1"}, {Key: "_netdev"}, {Key: "password", Value: "hunter2,x", Secret: true}}}
		require.NoError(t, k.Mount(t.Context(), m, at))
		require.Equal(t, "server", mustFind(t, k, at).Source)
		got, err := os.ReadFile(record)
		require.NoError(t, err)
		args, rest, _ := strings.Cut(string(got), "\n")
		require.Equal(t, "-t cifs -o vers=3.1.1,ro //server/share "+at, args)
		require.Contains(t, rest, "hunter2,x\n", "the password is what the helper reads")
		require.Contains(t, rest, "PASSWD_FD=0")
		require.Equal(t, 1, strings.Count(rest, "hunter2"))
		require.NoError(t, k.Unmount(t.Context(), at))
	})
}

// What a helper says is not believed; what it leaves behind is undone.
func TestR18_ShareIsProven(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		at := target(t, looptest.Dir(t), "at")
		for _, c := range []struct{ script, want string }{
			{"exit 0", "nothing is mounted"},
			{"echo 'access denied by server' >&2; exit 32", "access denied by server"},
			{`$mount -t tmpfs x "$target"; exit 32`, "exit status 32"},
			{`exec $mount -t tmpfs x "$target"`, "not read-only"},
		} {
			fakeMount(t, c.script)
			err := k.Mount(t.Context(), Mount{Type: "nfs", Source: "server:/x", ReadOnly: true}, at)
			require.ErrorContains(t, err, c.want)
			notMounted(t, k, at)
		}
	})
}

// A share that is there and does not work is not a success, and is taken away.
func TestR18_ADeadShareIsNoSuccess(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		at := target(t, looptest.Dir(t), "at")
		require.NoError(t, fuse(t, at).Close())
		require.ErrorIs(t, k.proveShare(Mount{Type: "fuse.test"}, at), unix.ENOTCONN)
		require.NoError(t, k.Unmount(t.Context(), at))
	})
}

func TestR15_ShareOptions(t *testing.T) {
	looptest.NeedRoot(t)
	fakeMount(t, "exit 99")
	k, at := NewKernel(), target(t, looptest.Dir(t), "at")
	for _, m := range []Mount{
		{Type: "nfs", Source: "s:/x", Options: []Option{{Key: "vers", Value: "4,ro"}}},
		{Type: "nfs", Source: "s:/x", Options: []Option{{Key: "token", Value: "t", Secret: true}}},
		{Type: "cifs", Source: "s:/x", Options: []Option{{Key: "username", Value: "t", Secret: true}}},
		{Type: "nfs", Source: "-f"}, {Type: "-a", Source: "x"}, {Type: "nfs", Source: ""}, {Type: "nfs", Source: "a\nb"},
	} {
		err := k.Mount(t.Context(), m, at)
		require.ErrorIs(t, err, ErrOption, "%+v", m)
		require.NotContains(t, err.Error(), "exit status 99", "mount(8) was run")
	}
	t.Setenv("PATH", t.TempDir())
	err := k.Mount(t.Context(), Mount{Type: "nfs", Source: "s:/x"}, at)
	require.ErrorIs(t, err, exec.ErrNotFound)
}

// A server that takes the connection and then says nothing holds the child, and
// the end of ctx ends the child.
func TestR27_SilentServerIsLeft(t *testing.T) {
	looptest.NeedRoot(t)
	if _, err := exec.LookPath("mount.nfs"); err != nil {
		t.Skipf("needs mount.nfs: %v", err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	_, port, err := net.SplitHostPort(silent.Addr().String())
	require.NoError(t, err)
	k, at := NewKernel(), target(t, looptest.Dir(t), "at")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	options := []Option{{Key: "vers", Value: "4.1"}, {Key: "port", Value: port}, {Key: "retry", Value: "100"}}
	err = k.Mount(ctx, Mount{Type: "nfs", Source: "127.0.0.1:/x", Options: options}, at)
	require.Error(t, err)
	notMounted(t, k, at)
}
