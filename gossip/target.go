package gossip

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
)

// Limits of one entry of Config.Join. An attempt asks only a few of the addresses, at random.
const (
	maxTargetAddrs = 4096
	maxFileBytes   = 1 << 20
)

// target is one entry of Config.Join.
type target struct {
	file string // a path; or, if empty:
	host string // an IP address or a name
	port uint16
}

// CheckJoin says what is wrong with the form of an entry of [Config.Join], or nil.
func CheckJoin(s string) error {
	_, err := parseTarget(s)
	return err
}

// parseTarget reads "host:port", "dns+name:port" or "file+path".
func parseTarget(s string) (target, error) {
	if path, ok := strings.CutPrefix(s, "file+"); ok {
		if path == "" {
			return target{}, fmt.Errorf("want file+path, got %q", s)
		}
		return target{file: path}, nil
	}
	host, port, err := splitHostPort(strings.TrimPrefix(s, "dns+"))
	if err != nil {
		return target{}, err
	}
	if port == 0 {
		return target{}, fmt.Errorf("want a port of 1 to 65535, got %q", s)
	}
	return target{host: host, port: port}, nil
}

// resolve returns what the entry stands for right now. Beside an error there may be
// addresses: what could be resolved of a file.
func (t target) resolve(ctx context.Context, r Resolver) ([]netip.AddrPort, error) {
	if t.file != "" {
		return t.read(ctx, r)
	}
	ips, err := resolve(ctx, r, t.host)
	if err != nil {
		return nil, err
	}
	addrs := make([]netip.AddrPort, 0, len(ips))
	for _, ip := range ips[:min(len(ips), maxTargetAddrs)] {
		addrs = append(addrs, netip.AddrPortFrom(ip, t.port))
	}
	return addrs, nil
}

// read reads a file of host:port lines.
func (t target) read(ctx context.Context, r Resolver) ([]netip.AddrPort, error) {
	f, err := os.Open(t.file)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	var addrs []netip.AddrPort
	var errs []error
	lines := bufio.NewScanner(io.LimitReader(f, maxFileBytes))
	for number := 1; lines.Scan() && len(addrs) < maxTargetAddrs; number++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		entry, err := parseTarget(text)
		if err == nil && entry.file != "" {
			err = errors.New("a file may not name another")
		}
		var found []netip.AddrPort
		if err == nil {
			found, err = entry.resolve(ctx, r)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", t.file, number, err))
		}
		addrs = append(addrs, found...)
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, fmt.Errorf("%s: %w", t.file, err))
	}
	return addrs, oneLine(errs)
}
