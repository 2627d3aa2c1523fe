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

// What is saved for a boot is the newest while it lasts, and counts for nothing
// afterwards or when it is damaged: then what was saved durably does.
func TestStoreSavesForABoot(t *testing.T) {
	s := In[value](t.TempDir())
	k, only := Key{Volume: "a"}, Key{Volume: "a", Target: "/only"}
	load := func(k Key) *value {
		got, err := s.Load(k)
		require.NoError(t, err)
		return got
	}
	require.NoError(t, s.Save(k, value{"staging"}))
	require.NoError(t, s.SaveForBoot(k, value{"staged"}))
	require.NoError(t, s.SaveForBoot(only, value{"published"}))
	require.Equal(t, &value{"staged"}, load(k))
	require.Equal(t, &value{"published"}, load(only))
	all, err := s.Of("a")
	require.NoError(t, err)
	require.ElementsMatch(t, []Entry[value]{{"a", "", value{"staged"}}, {"a", "/only", value{"published"}}}, all)

	for _, text := range []string{`{"boot":"an earlier one","volume":"a","value":{"Phase":"old"}}`, "", "{"} {
		for _, key := range []Key{k, only} {
			require.NoError(t, os.WriteFile(overlayOf(s.path(key)), []byte(text), 0o600))
		}
		require.Equal(t, &value{"staging"}, load(k), text)
		require.Nil(t, load(only), text)
		all, err := s.Of("a")
		require.NoError(t, err)
		require.Equal(t, []Entry[value]{{"a", "", value{"staging"}}}, all)
	}
	require.NoError(t, s.SaveForBoot(k, value{"unstaging"}))
	require.NoError(t, s.Save(k, value{"again"}))
	require.Equal(t, &value{"again"}, load(k), "the last one counts")
	require.NoError(t, s.SaveForBoot(k, value{"unstaging"}))
	for _, key := range []Key{k, only} {
		require.NoError(t, s.Remove(key))
		require.NoError(t, s.Remove(key))
		require.Nil(t, load(key))
	}
	left, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
