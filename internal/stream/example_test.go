package stream_test

import (
	"context"
	"fmt"
	"net"

	"dunnock/internal/stream"
)

// upper answers every message in upper case.
type upper struct {
	conn  *stream.Conn
	batch stream.Batch
}

func (u *upper) Message(kind uint8, body []byte) error {
	b := u.conn.Begin(kind)
	for _, c := range body {
		b = append(b, c&^0x20)
	}
	u.conn.End(b)
	u.batch.Add(u.conn)
	return nil
}

func (u *upper) Flush() { u.batch.Flush() }

// printer prints one answer and ends the connection.
type printer struct{ conn *stream.Conn }

func (p printer) Message(kind uint8, body []byte) error {
	fmt.Printf("%d %s\n", kind, body)
	p.conn.Close(nil)
	return nil
}

func (p printer) Flush() {}

func Example() {
	near, far := net.Pipe() // or stream.Dial and stream.Upgrade
	client, server := stream.New(near, nil, stream.Config{}), stream.New(far, nil, stream.Config{})

	ended := make(chan error)
	go func() { ended <- server.Run(context.Background(), &upper{conn: server}) }()

	client.Send(1, []byte("hedge"), []byte("sparrow"))
	client.Flush()
	fmt.Println("client:", client.Run(context.Background(), printer{client}))
	fmt.Println("server:", <-ended)
	// Output:
	// 1 HEDGESPARROW
	// client: <nil>
	// server: EOF
}
