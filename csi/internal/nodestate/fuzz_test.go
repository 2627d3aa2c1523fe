package nodestate

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzRecord: whatever a file holds, a record that is read from it is one that a
// line says of this volume, in this boot or for all; anything else is damage or
// nothing. And what is saved over it is what is read then.
func FuzzRecord(f *testing.F) {
	k := Key{Volume: "a", Target: "/t"}
	saved := func(boot string, k Key, phase string) []byte {
		text, err := encode(boot, k, value{phase})
		require.NoError(f, err)
		return append(text, '\n')
	}
	good := saved("", k, "staging")
	for _, text := range [][]byte{
		nil, good, good[:len(good)/2], saved(BootID(), k, "staged"), saved("an earlier one", k, "old"), saved("", Key{Volume: "b"}, "other"),
		append(append([]byte{}, good...), saved(BootID(), k, "staged")...), append(good[:len(good)-3:len(good)-3], good...),
		[]byte("null"), []byte("[]"), []byte(`{"volume":"a","target":"/t","value":7}`), {0, 0}, []byte("\n\n{"),
	} {
		f.Add(text)
	}
	s := In[value](f.TempDir())
	f.Fuzz(func(t *testing.T, data []byte) {
		require.NoError(t, os.WriteFile(s.path(k), data, 0o600))
		got, err := s.Load(k)
		switch {
		case err != nil:
			require.ErrorIs(t, err, ErrDamaged)
			require.Nil(t, got)
		case got != nil:
			l, err := s.read(s.path(k))
			require.NoError(t, err)
			require.Equal(t, k, Key{l.Volume, l.Target})
			require.Contains(t, []string{"", BootID()}, l.Boot)
		}
		if line := permanent[value](data); line != nil {
			require.True(t, json.Valid(line))
		}
		all, err := s.Of(k.Volume)
		require.NoError(t, err, "one damaged file hides no other")
		require.LessOrEqual(t, len(all), 1)

		require.NoError(t, s.SaveForBoot(k, value{"next"}))
		got, err = s.Load(k)
		require.NoError(t, err, "what was there does not spoil it")
		require.Equal(t, &value{"next"}, got)
		require.NoError(t, s.Save(k, value{"whole"}))
		got, err = s.Load(k)
		require.NoError(t, err)
		require.Equal(t, &value{"whole"}, got)
	})
}
