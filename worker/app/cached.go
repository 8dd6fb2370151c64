package app

import (
	"context"
	"strconv"
	"strings"
	"time"

	"dunnock/internal/lru"
)

// cached is a sleep that depends on whether its key was met lately.
type cached struct {
	hit  time.Duration
	key  uint64
	miss float64 // times as long
	keys int     // that are kept
}

const (
	maxCachedKeys = 1_000_000
	maxMissCost   = 1000.0
	longestSleep  = 24 * time.Hour
)

// parseCached reads DURATION KEY MISS-COST KEYS.
func parseCached(text string) (cached, bool) {
	f := strings.Fields(text)
	if len(f) != 4 {
		return cached{}, false
	}
	var c cached
	var errs [4]error
	c.hit, errs[0] = time.ParseDuration(f[0])
	c.key, errs[1] = strconv.ParseUint(f[1], 10, 64)
	c.miss, errs[2] = strconv.ParseFloat(f[2], 64)
	c.keys, errs[3] = strconv.Atoi(f[3])
	for _, err := range errs {
		if err != nil {
			return cached{}, false
		}
	}
	return c, c.hit >= 0 && c.hit <= longestSleep && c.miss >= 1 && c.miss <= maxMissCost && c.keys >= 1 && c.keys <= maxCachedKeys
}

// sleepCached sleeps as long as the key takes here. One of another number of keys than the last begins with none.
func (s *Sleeper) sleepCached(ctx context.Context, c cached) ([]byte, error) {
	s.mu.Lock()
	if s.cache == nil || s.keys != c.keys {
		s.cache, s.keys = lru.New(c.keys), c.keys
	}
	hit := s.cache.Use(c.key)
	s.mu.Unlock()
	if hit {
		return []byte("hit"), s.Sleep(ctx, c.hit)
	}
	return []byte("miss"), s.Sleep(ctx, min(time.Duration(float64(c.hit)*c.miss), longestSleep))
}
