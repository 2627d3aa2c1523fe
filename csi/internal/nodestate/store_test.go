package nodestate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type value struct{ Phase string }

func TestStoreKeepsWhatWasSaved(t *testing.T) {
	s := In[value](filepath.Join(t.TempDir(), "made", "later"))
	k := Key{Volume: "vol/1\n€", Target: "/a"}
	got, err := s.Load(k)
	require.NoError(t, err)
	require.Nil(t, got)

	require.NoError(t, s.Save(k, value{"staging"}))
	require.NoError(t, s.Save(k, value{"staged"}))
	require.NoError(t, s.Save(Key{Volume: k.Volume, Target: strings.Repeat("/long", 500)}, value{"other"}))
	require.NoError(t, s.Save(Key{Volume: "another"}, value{"another"}))

	got, err = s.Load(k)
	require.NoError(t, err)
	require.Equal(t, &value{"staged"}, got)
	all, err := s.Of(k.Volume)
	require.NoError(t, err)
	require.Len(t, all, 2)

	require.NoError(t, s.Remove(k))
	require.NoError(t, s.Remove(k), "what is not there is done")
	got, err = s.Load(k)
	require.NoError(t, err)
	require.Nil(t, got)
}

func TestStoreChecksTheRealID(t *testing.T) {
	s := In[value](t.TempDir())
	a, b := Key{Volume: "a"}, Key{Volume: "b"}
	require.NoError(t, s.Save(a, value{"x"}))
	require.NoError(t, os.Rename(s.path(a), s.path(b)))
	_, err := s.Load(b)
	require.ErrorIs(t, err, ErrDamaged)
	all, err := s.Of("b")
	require.NoError(t, err)
	require.Empty(t, all)
}

func TestStoreReportsDamage(t *testing.T) {
	s := In[value](t.TempDir())
	k := Key{Volume: "a"}
	require.NoError(t, os.WriteFile(s.path(k), []byte("{"), 0o600))
	_, err := s.Load(k)
	require.ErrorIs(t, err, ErrDamaged)
	require.NoError(t, s.Save(k, value{"new"}))
	got, err := s.Load(k)
	require.NoError(t, err)
	require.Equal(t, &value{"new"}, got)
}

func TestStoreIsReadableByItsOwnerOnly(t *testing.T) {
	s := In[value](filepath.Join(t.TempDir(), "state"))
	require.NoError(t, s.Save(Key{Volume: "a"}, value{}))
	for path, want := range map[string]os.FileMode{s.dir: 0o700, s.path(Key{Volume: "a"}): 0o600} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), path)
	}
}
