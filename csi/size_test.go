package csi

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const gib = 1 << 30

func TestRule3_Fit(t *testing.T) {
	for _, c := range []struct {
		r                    SizeRange
		granule, least, most int64
		want                 int64 // 0: ErrOutOfRange
	}{
		{SizeRange{}, gib, gib, 0, gib},
		{SizeRange{Required: 1}, gib, 0, 0, gib},
		{SizeRange{Required: gib}, gib, 0, 0, gib},
		{SizeRange{Required: gib + 1}, gib, 0, 0, 2 * gib},
		{SizeRange{Required: gib + 1, Limit: 2*gib - 1}, gib, 0, 0, 0},
		{SizeRange{Required: 11 * gib}, gib, 125 * gib, 16384 * gib, 125 * gib},
		{SizeRange{Required: 11 * gib, Limit: 100 * gib}, gib, 125 * gib, 0, 0},
		{SizeRange{Required: 2, Limit: 1}, 1, 0, 0, 0},
		{SizeRange{Required: -1}, 1, 0, 0, 0},
		{SizeRange{Limit: -1}, 1, 0, 0, 0},
		{SizeRange{Required: math.MaxInt64}, gib, 0, 0, 0},
		{SizeRange{Required: math.MaxInt64}, 1, 0, 0, math.MaxInt64},
		{SizeRange{Required: 5 * gib}, gib, 0, 4 * gib, 0},
		{SizeRange{Required: 7}, 0, 0, 0, 7},
	} {
		got, err := c.r.Fit(c.granule, c.least, c.most)
		if c.want == 0 {
			require.ErrorIs(t, err, ErrOutOfRange, c)
			continue
		}
		require.NoError(t, err, c)
		assert.Equal(t, c.want, got, c)
	}
}

// Fit against arithmetic that cannot overflow.
func TestRule3_FitIsTheSmallestSizeThatIsAllowed(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		any64 := rapid.OneOf(rapid.Int64Range(0, 64), rapid.Int64Range(math.MaxInt64-64, math.MaxInt64), rapid.Int64Min(0))
		s := SizeRange{Required: any64.Draw(r, "required"), Limit: any64.Draw(r, "limit")}
		granule, least, most := max(1, any64.Draw(r, "granule")), any64.Draw(r, "least"), any64.Draw(r, "most")
		want := smallest(s, granule, least, most)
		got, err := s.Fit(granule, least, most)
		switch {
		case want == nil && err == nil:
			r.Fatalf("%d, and nothing is allowed", got)
		case want != nil && (err != nil || got != *want):
			r.Fatalf("%d, %v, want %d", got, err, *want)
		case err == nil && got != 0 && !s.Contains(got):
			r.Fatalf("%d is not in the range", got)
		}
	})
}

func smallest(s SizeRange, granule, least, most int64) *int64 {
	if s.Limit > 0 && s.Required > s.Limit {
		return nil
	}
	g := big.NewInt(granule)
	n := new(big.Int).Add(big.NewInt(max(s.Required, least)), new(big.Int).Sub(g, big.NewInt(1)))
	n.Div(n, g).Mul(n, g)
	if !n.IsInt64() || (most > 0 && n.Int64() > most) || (s.Limit > 0 && n.Int64() > s.Limit) {
		return nil
	}
	out := n.Int64()
	return &out
}
