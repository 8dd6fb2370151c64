package sim_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"dunnock/sim"
)

// TestFieldsAreDocumented: what --json prints is on its page.
func TestFieldsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/simulation.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []reflect.Type{reflect.TypeFor[sim.Result](), reflect.TypeFor[sim.UserResult](), reflect.TypeFor[sim.Response](), reflect.TypeFor[sim.Wait](), reflect.TypeFor[sim.Affinity]()} {
		for f := range of.Fields() {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("docs/simulation.md does not have `%s` of %v", name, of)
			}
		}
	}
}
