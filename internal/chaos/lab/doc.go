// Package lab is a network for real processes, made for one run and gone with it: each host is a network namespace of
// its own whose only interface is a TUN device, and a switch in this process carries the packets between them.
//
// The switch is where faults of the network are made. Each packet is held against a few rules that drop, delay, reorder
// or duplicate it, so a one-way partition, a connection that is only half open and a bad line are one mechanism, silent
// to both ends as in a real network. Nothing of the machine's own network is touched: no bridge, no firewall rule, no
// named namespace. The namespaces and devices live as long as the processes and descriptors that hold them, so nothing
// remains to clean up even after a crash; processes that were started on a host die with this one.
//
// It needs Linux, /dev/net/tun and the right to make network namespaces: root, or a user namespace of one's own. [New]
// says why where that cannot be had.
//
// Rejected: veth pairs into a bridge. Drops then need nft or iptables, which are often not installed, delays need
// netem, which is often not in the kernel, and named namespaces and devices remain after a crash.
package lab
