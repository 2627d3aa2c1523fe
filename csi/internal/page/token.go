package page

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
)

// MaxToken is the size limit of the spec for a token, in bytes.
const MaxToken = 128

// ErrToken says that a starting token was not made by this package, or that the
// entry that it names is gone.
var ErrToken = errors.New("invalid starting_token")

// A token is a checksum, a mark and the id of the last entry of a page. Of an
// id that does not fit it holds a digest; the entry must then still exist when
// the next page is asked for.
const (
	wholeMark  = ":"
	digestMark = "#"
)

// newToken returns the token of the page after id.
func newToken(id string) string {
	if t := checksum(id) + wholeMark + id; len(t) <= MaxToken {
		return t
	}
	sum := digest(id)
	return checksum(sum) + digestMark + sum
}

// parse returns a token's mark and what follows it, both "" of the empty token.
func parse(token string) (mark, rest string, err error) {
	const sum = 2 * crc32.Size
	if token == "" {
		return "", "", nil
	}
	if len(token) > sum {
		mark, rest = token[sum:sum+1], token[sum+1:]
	}
	if mark != wholeMark && mark != digestMark || checksum(rest) != token[:sum] {
		return "", "", fmt.Errorf("%w: found %q, want the next_token of an earlier page; list again from the start", ErrToken, token)
	}
	return mark, rest, nil
}

// position returns the index of the first of n sorted ids that comes after the
// page that token ended.
func position(token string, n int, id func(int) string) (int, error) {
	mark, rest, err := parse(token)
	if err != nil || mark == "" {
		return 0, err
	}
	for i := range n {
		switch {
		case mark == wholeMark && id(i) > rest:
			return i, nil
		case mark == digestMark && digest(id(i)) == rest:
			return i + 1, nil
		}
	}
	if mark == digestMark {
		return 0, fmt.Errorf("%w: the last entry of that page is gone; list again from the start", ErrToken)
	}
	return n, nil
}

func checksum(s string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(s))) }

func digest(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}
