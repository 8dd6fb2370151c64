package loadgen

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestFieldsAreDocumented: what --json prints is on its page.
func TestFieldsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/loadgen.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []reflect.Type{reflect.TypeFor[Result](), reflect.TypeFor[Affinity]()} {
		for f := range of.Fields() {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("docs/loadgen.md does not have `%s` of %v", name, of)
			}
		}
	}
}
