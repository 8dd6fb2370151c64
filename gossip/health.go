package gossip

import (
	"bufio"
	"context"
	"encoding/json"
	"net"

	"github.com/valyala/fasthttp"

	"dunnock/gossip/view"
)

// health is who answers at an HTTP address.
type health struct {
	Role        string `json:"role"`
	Name        string `json:"name"`
	Incarnation string `json:"incarnation"`
}

func healthOf(m *view.Member) health {
	return health{Role: m.Role.String(), Name: m.Name, Incarnation: m.Incarnation.String()}
}

const maxHealthBytes = 64 << 10

// HTTPLive asks m's HTTP address for GET /healthz and reports whether the answer is m's own, incarnation included: a
// restarted process on the old address is another one. No answer by the end of ctx is a no, which for a process that is
// only slow is a mistake; so callers ask again.
//
// A member answers, with any status, with a JSON object of at most 64 KiB that holds
//
//	{"role":"worker","name":"w1","incarnation":"0192f3a4b5c6d7e8"}
//
// with the incarnation as its String method writes it, and may hold more. It answers from before it gossips until its
// process ends.
func HTTPLive(ctx context.Context, m view.Member) bool {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", m.Addr)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // all that was wanted has been read
	unblock := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer unblock()

	// One request on a connection of its own: fasthttp's clients keep goroutines.
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.SetRequestURI("http://" + m.Addr + "/healthz")
	req.SetConnectionClose()
	w := bufio.NewWriter(conn)
	if req.Write(w) != nil || w.Flush() != nil {
		return false
	}
	if resp.ReadLimitBody(bufio.NewReader(conn), maxHealthBytes) != nil {
		return false
	}
	var h health
	return json.Unmarshal(resp.Body(), &h) == nil && h == healthOf(&m)
}
