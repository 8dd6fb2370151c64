package queue

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestConfigValidate(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  Config
		want []string // words that the error has; none: valid
	}{
		"zero":         {Config{}, nil},
		"largest":      {Config{Slots: 4096, MaxReservations: 1 << 24, StopGrace: time.Hour, Apps: math.MaxUint16}, nil},
		"too large":    {Config{Slots: 4097}, []string{"slots", "4097"}},
		"negative":     {Config{Slots: -1}, []string{"slots", "-1"}},
		"queue":        {Config{MaxReservations: 1<<24 + 1}, []string{"max reservations", "16777217"}},
		"no queue":     {Config{MaxReservations: -1}, []string{"max reservations", "-1"}},
		"grace":        {Config{StopGrace: 2 * time.Hour}, []string{"stop grace", "2h"}},
		"no grace":     {Config{StopGrace: -1}, []string{"stop grace", "-1ns"}},
		"apps":         {Config{Apps: 1 << 16}, []string{"apps", "65536"}},
		"discipline":   {Config{Discipline: 9}, []string{"discipline", "fair", "9"}},
		"ageing":       {Config{Ageing: 2 * time.Hour}, []string{"ageing", "2h"}},
		"no ageing":    {Config{Ageing: -1}, []string{"ageing", "-1ns"}},
		"bound":        {Config{StarvationBound: 2 * time.Hour}, []string{"starvation bound", "2h"}},
		"no bound":     {Config{StarvationBound: -1}, []string{"starvation bound", "-1ns"}},
		"weights":      {Config{Weights: map[string]int{"a": 1, "org/team": 1000}}, nil},
		"weight":       {Config{Weights: map[string]int{"a": 0, "b": 1001}}, []string{`"a"=0`, `"b"=1001`}},
		"no path":      {Config{Weights: map[string]int{"": 1}}, []string{"weights", `""=1`}},
		"brief proof":  {Config{BriefProof: 1 << 17}, []string{"brief proof"}},
		"all together": {Config{Slots: -1, MaxReservations: -2, StopGrace: -3, Apps: -4}, []string{"slots", "max reservations", "stop grace", "apps"}},
	} {
		err := tc.cfg.Validate()
		if (err == nil) != (len(tc.want) == 0) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, word := range tc.want {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v, which does not say %q", name, err, word)
			}
		}
	}
}

func TestNewRejects(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("New took a config that Validate rejects")
		}
	}()
	New(Config{Slots: -1})
}

func TestDefaults(t *testing.T) {
	want := Config{
		Slots: 1, MaxReservations: 100_000, StopGrace: 100 * time.Millisecond, OrphanGrace: 2 * time.Second,
		ResultTTL: 30 * time.Second, MaxResults: 1 << 18, MaxResultBytes: 64 << 20, Discipline: FIFO, StarvationBound: time.Second, BriefProof: 256,
	}
	if got := (Config{}).WithDefaults(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := New(Config{}).Load(); got != (Load{Slots: 1, Free: 1}) {
		t.Errorf("a new core: %+v", got)
	}
}
