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

	require.NoError(t, s.SaveForBoot(k, value{"unstaging"}))
	require.Equal(t, &value{"unstaging"}, load(k), "the last one counts")
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

// A line that is torn, of an earlier boot or not there at all after a crash
// leaves what was saved before it, and does not spoil what is saved after it.
func TestStoreSkipsLinesThatDoNotCount(t *testing.T) {
	for text, damaged := range map[string]bool{
		`{"boot":"an earlier one","volume":"a","value":{"Phase":"old"}}`: false,
		"": false, "{": true, "\x00\x00": true, `{"volume":"a","val`: true,
	} {
		s, k := In[value](t.TempDir()), Key{Volume: "a"}
		for _, saved := range []bool{false, true} {
			if saved {
				require.NoError(t, s.Save(k, value{"staging"}))
			}
			f, err := os.OpenFile(s.path(k), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
			require.NoError(t, err)
			_, err = f.WriteString("\n" + text)
			require.NoError(t, err)
			require.NoError(t, f.Close())
			got, err := s.Load(k)
			switch {
			case saved:
				require.NoError(t, err, text)
				require.Equal(t, &value{"staging"}, got, text)
			case damaged:
				require.ErrorIs(t, err, ErrDamaged, text)
			default:
				require.NoError(t, err, text)
				require.Nil(t, got, text)
			}
			require.NoError(t, s.SaveForBoot(k, value{"staged"}))
			got, err = s.Load(k)
			require.NoError(t, err, text)
			require.Equal(t, &value{"staged"}, got, text)
		}
	}
}

// What changes for ever does not fill the disk, and what does not change is not
// written again.
func TestStoreBoundsAFile(t *testing.T) {
	s, k := In[value](t.TempDir()), Key{Volume: "a"}
	require.NoError(t, s.Save(k, value{"staging"}))
	size := func() int64 {
		info, err := os.Stat(s.path(k))
		require.NoError(t, err)
		return info.Size()
	}
	require.NoError(t, s.SaveForBoot(k, value{"staged"}))
	once := size()
	for range 3 {
		require.NoError(t, s.SaveForBoot(k, value{"staged"}))
	}
	require.Equal(t, once, size())
	for i := range 1000 {
		want := value{strings.Repeat("x", 300+i%2)}
		require.NoError(t, s.SaveForBoot(k, want))
		require.LessOrEqual(t, size(), int64(maxFile+1000))
		got, err := s.Load(k)
		require.NoError(t, err)
		require.Equal(t, &want, got)
	}
	this := bootID
	t.Cleanup(func() { bootID = this })
	bootID = func() string { return "the next one" }
	got, err := s.Load(k)
	require.NoError(t, err)
	require.Equal(t, &value{"staging"}, got, "it is still there after a boot")
}
