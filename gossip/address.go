package gossip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"dunnock/gossip/view"
)

// Reachable turns the address that a node is bound to into the one that others can dial: the same, unless it is bound
// to every address (0.0.0.0 or ::). Then it is the machine's private address, if it has exactly one; otherwise the
// error says what there is to choose from.
func Reachable(bound string) (string, error) {
	host, port, err := net.SplitHostPort(bound)
	if err != nil {
		return "", fmt.Errorf("gossip: %w", err)
	}
	if !isUnspecified(host) {
		return bound, nil
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("gossip: the machine's addresses: %w", err)
	}
	ip, err := onlyPrivate(addrs)
	if err != nil {
		return "", fmt.Errorf("gossip: %s is bound to every address and %w", bound, err)
	}
	return net.JoinHostPort(ip.String(), port), nil
}

// Advertised is the address at which others reach what is bound: the host that is wanted, with the bound port if it
// names none.
func Advertised(wanted, bound string) (string, error) {
	host, port, err := parseAdvertised(wanted)
	if err != nil {
		return "", err
	}
	if port == "" {
		if _, port, err = net.SplitHostPort(bound); err != nil {
			return "", fmt.Errorf("gossip: %w", err)
		}
	}
	return net.JoinHostPort(host, port), nil
}

// CheckAdvertised says what is wrong with the form of an address to advertise, HOST or HOST:PORT, or nil.
func CheckAdvertised(wanted string) error {
	_, _, err := parseAdvertised(wanted)
	return err
}

// parseAdvertised splits an address to advertise; port is empty if there is none.
func parseAdvertised(s string) (host, port string, err error) {
	host = s
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		host = s[1 : len(s)-1]
	}
	if _, err := netip.ParseAddr(host); err != nil && strings.Contains(s, ":") {
		if host, port, err = net.SplitHostPort(s); err != nil {
			return "", "", fmt.Errorf("want HOST or HOST:PORT, got %q", s)
		}
	}
	switch {
	case !view.ValidAddr(net.JoinHostPort(host, cmp.Or(port, "1"))), port == "" && strings.HasSuffix(s, ":"):
		return "", "", fmt.Errorf("want HOST or HOST:PORT, with a port of 1 to 65535, got %q", s)
	case isUnspecified(host):
		return "", "", fmt.Errorf("nobody can dial %s; give the address at which others reach this machine", s)
	}
	return host, port, nil
}

func onlyPrivate(addrs []net.Addr) (netip.Addr, error) {
	var private []netip.Addr
	var names []string
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().IsPrivate() {
			private = append(private, p.Addr())
			names = append(names, p.Addr().String())
		}
	}
	switch len(private) {
	case 0:
		return netip.Addr{}, errors.New("the machine has no private one: say which one others should dial")
	case 1:
		return private[0], nil
	default:
		return netip.Addr{}, fmt.Errorf("the machine has several (%s): say which one others should dial", strings.Join(names, ", "))
	}
}

func isUnspecified(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsUnspecified()
}

// splitHostPort is [net.SplitHostPort] with a numeric port, a host that is not empty, and an error for people.
func splitHostPort(s string) (host string, port uint16, err error) {
	host, digits, err := net.SplitHostPort(s)
	if err != nil || host == "" {
		return "", 0, fmt.Errorf("want host:port, got %q", s)
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("want a port of at most 65535, got %q", s)
	}
	return host, uint16(n), nil
}

// resolve looks a host up. IPv4 addresses come first: they are what most fleets gossip over.
func resolve(ctx context.Context, r Resolver, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" {
			return nil, fmt.Errorf("%s: an address with a zone cannot be gossiped with", host)
		}
		return []netip.Addr{ip.Unmap()}, nil
	}
	found, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", host, err)
	}
	ips := make([]netip.Addr, 0, len(found))
	var v6 []netip.Addr
	for _, ip := range found {
		switch ip = ip.Unmap(); {
		case ip.Is4():
			ips = append(ips, ip)
		case ip.Zone() == "":
			v6 = append(v6, ip)
		}
	}
	if ips = append(ips, v6...); len(ips) == 0 {
		return nil, fmt.Errorf("look up %s: no address", host)
	}
	return ips, nil
}

// resolveOne turns host:port into the one address to bind or advertise.
func resolveOne(ctx context.Context, r Resolver, s string) (netip.AddrPort, error) {
	host, port, err := splitHostPort(s)
	if err != nil {
		return netip.AddrPort{}, err
	}
	ips, err := resolve(ctx, r, host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(ips[0], port), nil
}
