package stream

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"dunnock/probe"
	"dunnock/task"
)

// token is what stands in the Upgrade header of both sides.
func token() string { return Protocol + "/" + strconv.Itoa(probe.Version) }

// Upgrade turns an HTTP request into a fleet connection. If the request asks for that, with GET and "Upgrade: dunnock/"
// and our version, it answers 101 and calls serve on a goroutine of its own once the handler has returned; serve owns
// the connection until it returns, by when its Run must have. Nothing of the request may be used there: copy what is
// needed before. If the request does not ask for it, Upgrade answers 426 and returns why, a [*task.Error] with code
// unsupported.
//
// The connection is out of the server's hands from then on: no timeout of the server's
// applies to it, and a Shutdown neither ends it nor waits for it.
func Upgrade(ctx *fasthttp.RequestCtx, cfg Config, serve func(c *Conn)) error {
	if err := asksForUpgrade(&ctx.Request.Header); err != nil {
		refuseUpgrade(ctx, err)
		return err
	}
	cfg = cfg.withDefaults()
	// The answer is written here and not by the server, which would rather close the
	// connection than hijack it after a request that it answers with "Connection: close"
	// (DisableKeepalive, MaxRequestsPerConn, a shutdown under way).
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(hijacked net.Conn) {
		if c := accept(hijacked, cfg); c != nil {
			serve(c)
			c.Close(ErrClosed) // if serve never called Run
		}
		_ = hijacked.Close() // nothing, unless the server has KeepHijackedConns
	})
	return nil
}

// accept answers 101 on a hijacked connection and returns what it has become.
func accept(hijacked net.Conn, cfg Config) *Conn {
	nc := underneath(hijacked)
	answer := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + token() + "\r\n\r\n"
	if nc.SetWriteDeadline(time.Now().Add(cfg.HandshakeTimeout)) != nil {
		return nil
	}
	if _, err := io.WriteString(nc, answer); err != nil {
		return nil // the client left: there is nobody to tell
	}
	if nc.SetWriteDeadline(time.Time{}) != nil {
		return nil
	}
	c := New(nc, nil, cfg)
	// What the client sent right behind its request may be in the server's read buffer.
	c.behind = hijacked
	return c
}

// underneath returns the connection that fasthttp has wrapped. The wrapper's Close does nothing, and its writes could
// not be made without blocking.
//
// With MaxConnsPerIP there is a second wrapper inside, of which only fasthttp may make use: once closed it is given to
// another connection, and a second Close would close that one. Its type is not exported; the connection that it embeds
// is.
func underneath(hijacked net.Conn) net.Conn {
	nc := hijacked
	if u, ok := nc.(interface{ UnsafeConn() net.Conn }); ok {
		nc = u.UnsafeConn()
	}
	v := reflect.ValueOf(nc)
	if v.Kind() != reflect.Pointer || v.Type().Elem().PkgPath() != reflect.TypeFor[fasthttp.Server]().PkgPath() {
		return nc
	}
	if field := v.Elem().FieldByName("Conn"); field.IsValid() {
		if inner, ok := reflect.TypeAssert[net.Conn](field); ok {
			return inner
		}
	}
	return nc
}

// asksForUpgrade says what is wrong with a request as an Upgrade to this protocol and
// version.
func asksForUpgrade(h *fasthttp.RequestHeader) error {
	if !h.IsGet() || !h.IsHTTP11() || !h.ConnectionUpgrade() {
		return task.Errorf(task.CodeUnsupported, "this address takes fleet connections: GET with \"Connection: Upgrade\" and \"Upgrade: %s\"", token())
	}
	offered := string(h.Peek(fasthttp.HeaderUpgrade))
	for o := range strings.SplitSeq(offered, ",") {
		if strings.EqualFold(strings.TrimSpace(o), token()) {
			return nil
		}
	}
	if len(offered) > 80 {
		offered = offered[:80] + "…"
	}
	return task.Errorf(task.CodeUnsupported, "this node speaks %s, not %q", token(), offered)
}

func refuseUpgrade(ctx *fasthttp.RequestCtx, err error) {
	body, jsonErr := json.Marshal(map[string]error{"error": err})
	if jsonErr != nil {
		body = fmt.Appendf(nil, `{"error":{"code":%q,"message":"upgrade refused"}}`, task.CodeUnsupported)
	}
	ctx.SetStatusCode(fasthttp.StatusUpgradeRequired)
	ctx.Response.Header.Set(fasthttp.HeaderUpgrade, token())
	ctx.Response.Header.Set(fasthttp.HeaderConnection, "Upgrade")
	ctx.SetContentType("application/json")
	ctx.SetBody(body)
}
