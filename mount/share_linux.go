package mount

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	mountutils "k8s.io/mount-utils"

	"github.com/csikit/csikit/internal/crashpoint"
	"github.com/csikit/csikit/internal/proc"
)

// mountShare mounts by mount(8), which runs the helper mount.TYPE if there is
// one: a server that does not answer keeps the child, which can be killed, and
// not this process. Whatever the child did, the target tells in the end.
func (k *Kernel) mountShare(ctx context.Context, m Mount, p *place) error {
	cmd, err := shareCommand(m, p.path)
	if err != nil {
		return err
	}
	crashpoint.Step("mount.share")
	_, err = proc.Run(ctx, cmd)
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("mount(8) is needed for %s, and its helper where it has one: %w", m.Type, err)
	}
	if err == nil {
		err = k.proveShare(m, p.path)
	}
	if err == nil {
		return nil
	}
	if undo := k.unmount(context.WithoutCancel(ctx), p.path); undo != nil {
		return joinUndo(err, undo)
	}
	return err
}

// proveShare finds out whether the share is really there (R18).
func (k *Kernel) proveShare(m Mount, target string) error {
	info, err := k.find(target)
	switch {
	case errors.Is(err, ErrNotMounted):
		return errors.New("mount(8) reported success, but nothing is mounted")
	case err != nil:
		return err
	case info.Dead != nil:
		return fmt.Errorf("the new mount does not work: %w", info.Dead)
	case m.ReadOnly && !info.ReadOnly:
		return errors.New("the new mount is not read-only")
	}
	return nil
}

// shareCommand is the command of a mount. Only options that are no secrets get
// into its arguments.
func shareCommand(m Mount, target string) (proc.Cmd, error) {
	if err := plainWords(m.Type, m.Source); err != nil {
		return proc.Cmd{}, err
	}
	cmd := proc.Cmd{Name: "mount"}
	var words []string
	for _, o := range m.Options {
		switch {
		case isFstab(o.Key), o.Key == "rw":
		case o.Secret:
			if err := giveSecret(&cmd, m.Type, o); err != nil {
				return proc.Cmd{}, err
			}
		case isContext(o.Key):
			words = append(words, o.Key+`="`+o.Value+`"`)
		case strings.ContainsAny(o.Value, `,"`):
			return proc.Cmd{}, fmt.Errorf("%w: %s: mount(8) takes no comma or quote in a value", ErrOption, o)
		default:
			words = append(words, o.String())
		}
	}
	if m.ReadOnly {
		words = append(words, "ro")
	}
	cmd.Args = mountutils.MakeMountArgs(m.Source, target, m.Type, words)
	return cmd, nil
}

// plainWords refuses what mount(8) could take for one of its flags.
func plainWords(fsType, source string) error {
	for _, s := range []string{fsType, source} {
		if s == "" || s[0] == '-' || hasControl(s) {
			return fmt.Errorf("%w: type %q and source %q must not be empty, begin with '-' or hold control characters", ErrOption, fsType, source)
		}
	}
	return nil
}

// giveSecret hands a secret to the helper in the way that the helper has for
// it. mount.cifs(8) reads the password from a descriptor.
func giveSecret(cmd *proc.Cmd, fsType string, o Option) error {
	if listOf(fsType) != "cifs" || o.Key != "password" && o.Key != "pass" {
		return fmt.Errorf("%w: %s: %s takes no secret except in its arguments, which every process can read; use Share.Mount", ErrOption, o, fsType)
	}
	cmd.Stdin = strings.NewReader(o.Value + "\n")
	cmd.Env = append(cmd.Env, "PASSWD_FD=0")
	return nil
}
