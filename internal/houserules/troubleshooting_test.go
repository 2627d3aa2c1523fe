package houserules

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestTroubleshootingQuotesRealMessages: a message that the code no longer has
// sends an operator nowhere. What is quoted in the first column of the tables
// must be in one source file, piece by piece around the dots.
func TestTroubleshootingQuotesRealMessages(t *testing.T) {
	text, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	var quoted int
	for line := range strings.Lines(string(text)) {
		first, _, row := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !row || !strings.HasPrefix(line, "| ") {
			continue
		}
		for _, q := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(first, -1) {
			quoted++
			if !elsewhere[q[1]] && !inSources(t, q[1]) {
				t.Errorf("docs/troubleshooting.md quotes %q, which is no message of the code", q[1])
			}
		}
	}
	if quoted < 30 {
		t.Errorf("only %d messages were found in docs/troubleshooting.md", quoted)
	}
}

// elsewhere are messages of others than this repository.
var elsewhere = map[string]bool{
	"did not have enough free storage":  true,
	"is not a shared or slave mount":    true,
	"detected topology value collision": true,
}

func inSources(t *testing.T, message string) bool {
	t.Helper()
	for _, s := range sources(t) {
		if !s.test && holds(joinStrings.ReplaceAllString(s.text, ""), message) {
			return true
		}
	}
	return false
}

// joinStrings is between the halves of a string that is written on two lines.
var joinStrings = regexp.MustCompile(`" \+\s*"`)

func holds(text, message string) bool {
	for piece := range strings.SplitSeq(message, "…") {
		if !strings.Contains(text, strings.TrimSpace(strings.Trim(piece, ":;,?"))) {
			return false
		}
	}
	return true
}
