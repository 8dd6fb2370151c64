package owner

import (
	"strings"
	"testing"
	"time"
)

// All faults of a configuration are told at once, and what is left out has a default.
func TestConfig(t *testing.T) {
	if err := (Config{Schedulers: []string{"a"}}).Validate(); err != nil {
		t.Error(err)
	}
	bad := Config{Tries: -1, MinBackoff: time.Microsecond, MaxBackoff: time.Hour, Patience: -1, Grace: -1, MaxJobs: -1}
	err := bad.Validate()
	for _, field := range []string{"schedulers:", "tries:", "min backoff:", "max backoff:", "patience:", "grace:", "max jobs:"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("no word of %s in: %v", field, err)
		}
	}
	if err := (Config{Schedulers: make([]string, MaxSchedulers+1)}).Validate(); err == nil {
		t.Error("too many schedulers")
	}
}
