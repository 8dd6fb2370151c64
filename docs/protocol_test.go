package docs

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"dunnock/probe"
)

// The page on the protocol is of the version that nodes speak, wherever it names one, and has every message between
// schedulers and workers by the number that its frames bear.
func TestProtocolPageIsOfThisVersion(t *testing.T) {
	page, err := os.ReadFile("protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		fmt.Sprintf(" Version %d; peers with another version are refused", probe.Version),
		fmt.Sprintf("\nUpgrade: dunnock/%d\n", probe.Version),
		fmt.Sprintf("\n| version | n | %d; ", probe.Version),
	} {
		if !strings.Contains(string(page), line) {
			t.Errorf("docs/protocol.md does not have %q", line)
		}
	}
	for kind := probe.KindReserve; kind <= probe.KindComing; kind++ {
		if row := fmt.Sprintf("\n| %d | `", kind); !strings.Contains(string(page), row) {
			t.Errorf("docs/protocol.md has no message of kind %d", kind)
		}
	}
}
