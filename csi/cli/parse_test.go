package cli

import (
	"flag"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
)

// poolFlag is a flag of the driver's own.
func poolFlag(pool *string) func(*flag.FlagSet) {
	return func(fs *flag.FlagSet) { fs.StringVar(pool, "pool", "/default", "`directory` of the images") }
}

func TestTheCommandLineWinsOverTheEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		args, environ []string
		pool, mode    string
	}{
		"default":      {nil, nil, "/default", "all"},
		"environment":  {nil, []string{"X_CSI_POOL=/env", "X_CSI_MODE=node", "CSI_NODE=x"}, "/env", "node"},
		"flag":         {[]string{"--pool=/flag", "-mode", "controller"}, nil, "/flag", "controller"},
		"both":         {[]string{"--pool=/flag"}, []string{"X_CSI_POOL=/env", "X_CSI_MODE=node"}, "/flag", "node"},
		"flag default": {[]string{"--mode=all"}, []string{"X_CSI_MODE=node"}, "/default", "all"},
		"value with =": {nil, []string{"X_CSI_POOL=/a=b"}, "/a=b", "all"},
	} {
		t.Run(name, func(t *testing.T) {
			var pool string
			s := newSettings(Program{Name: "d", Flags: poolFlag(&pool)})
			require.NoError(t, s.parse(c.args, c.environ))
			assert.Equal(t, c.pool, pool)
			assert.Equal(t, c.mode, s.mode)
		})
	}
}

func TestRule35_EndpointFromCSI_ENDPOINT(t *testing.T) {
	s := newSettings(Program{Name: "d"})
	require.NoError(t, s.parse(nil, []string{"CSI_ENDPOINT=unix:///csi/csi.sock"}))
	assert.Equal(t, "unix:///csi/csi.sock", s.endpoint)
	require.NoError(t, s.complete())
	assert.NotEmpty(t, s.nodeID, "the host name")
}

func TestMistakesSayWhatToChange(t *testing.T) {
	for name, c := range map[string]struct {
		args, environ []string
		says          string
	}{
		"misspelt flag":        {[]string{"--log-levl=debug"}, nil, "there is no flag --log-levl; is it --log-level?"},
		"unknown flag":         {[]string{"--zzz"}, nil, "there is no flag --zzz"},
		"word":                 {[]string{"serve"}, nil, `unexpected argument "serve"`},
		"mode":                 {[]string{"--mode=both"}, nil, "want one of all, controller, node"},
		"mode by environment":  {nil, []string{"X_CSI_MODE=both"}, `environment variable X_CSI_MODE="both" (for --mode): want one of all`},
		"version":              {nil, []string{"X_CSI_VERSION=true"}, "X_CSI_VERSION belongs to no flag"},
		"misspelt environment": {nil, []string{"X_CSI_LOGLEVEL=debug"}, "X_CSI_LOGLEVEL belongs to no flag"},
		"level":                {[]string{"--log-level=loud"}, nil, "loud"},
		"socket mode":          {[]string{"--socket-mode=rw"}, nil, "want octal permissions such as 0660"},
		"no endpoint":          {nil, nil, "set --endpoint or CSI_ENDPOINT"},
		"timeout":              {[]string{"--operation-timeout=0", "--endpoint=unix:///s.sock"}, nil, "must be more than 0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSettings(Program{Name: "d"})
			err := s.parse(c.args, c.environ)
			if err == nil {
				err = s.complete()
			}
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestFlagsBecomeOptions(t *testing.T) {
	s := newSettings(Program{Name: "d"})
	require.NoError(t, s.parse([]string{
		"--mode=node", "--node-id=n1", "--state-dir=/s", "--default-fstype=xfs", "--format-static",
		"--operation-timeout=2m", "--shutdown-timeout=3s", "--socket-mode=0660", "--disable=Snapshotter, Cloner",
	}, nil))
	log := s.logger(io.Discard)
	assert.Equal(t, &csi.Options{
		Version: "v1", NodeID: "n1", DefaultFSType: "xfs", StateDir: "/s", Services: csi.NodeService,
		OperationTimeout: 2 * time.Minute, ShutdownTimeout: 3 * time.Second, SocketMode: 0o660,
		Disable: []string{"Snapshotter", "Cloner"}, FormatStatic: true, Logger: log,
	}, s.options("v1", log))
}

func TestHelpNeedsNoSoundEnvironment(t *testing.T) {
	for _, arg := range []string{"--help", "-h", "-help"} {
		s := newSettings(Program{Name: "d"})
		require.NoError(t, s.parse([]string{arg}, []string{"X_CSI_MODE=nonsense"}))
		assert.True(t, s.help)
	}
}

func TestUsageNamesEveryFlagAndItsVariable(t *testing.T) {
	var pool string
	s := newSettings(Program{Name: "d.example.com", Summary: "a test", Flags: poolFlag(&pool)})
	var out strings.Builder
	s.usage(&out)
	text := out.String()
	s.flags.VisitAll(func(f *flag.Flag) {
		assert.Contains(t, text, "--"+f.Name)
		assert.Contains(t, text, envName(f.Name))
	})
	assert.Contains(t, text, "d.example.com: a test")
	assert.Less(t, strings.Index(text, "This driver"), strings.Index(text, "Serving"), "what is particular comes first")
	for line := range strings.Lines(text) {
		assert.LessOrEqual(t, len(line), 121, line)
	}
}
