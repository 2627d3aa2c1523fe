package cli

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/csikit/csikit/csi"
)

func TestDoctorsExitCodes(t *testing.T) {
	for name, c := range map[string]struct {
		backend func(context.Context, Config) (csi.Locator, error)
		args    []string
		code    int
		says    string
	}{
		"healthy": {func(context.Context, Config) (csi.Locator, error) { return nothing{new(bool)}, nil }, []string{"--mode=controller"}, exitOK, "the backend is ready"},
		"sick": {func(context.Context, Config) (csi.Locator, error) { return sick{}, nil }, []string{"--mode=controller"}, exitFailed,
			"the pool is full"},
		"wrong flag": {nil, []string{"--mode=x"}, exitConfig, "want one of"},
		"no pool":    {func(context.Context, Config) (csi.Locator, error) { return nil, errors.New("no pool") }, nil, exitConfig, "no pool"},
		"help":       {nil, []string{"--help"}, exitOK, "test.example.com doctor"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := Program{Name: "test.example.com", Version: "v9", Backend: c.backend}
			assert.Equal(t, c.code, p.Run(t.Context(), append([]string{"doctor"}, c.args...), nil, &out, &out), out.String())
			assert.Contains(t, out.String(), c.says)
		})
	}
}

type sick struct{ csi.Locator }

func (sick) Probe(context.Context) error { return errors.New("the pool is full") }
