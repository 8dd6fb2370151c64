package main

import (
	"context"
	"net"
	"runtime"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const grpcMethod = "/bench.Work/Do"

// grpcContender is a unary call per task, balanced by gRPC's own round robin.
func grpcContender() contender {
	return contender{
		name: "grpc", what: "gRPC unary calls, round robin over the workers",
		setup: "no broker; one channel with the policy `round_robin`, one HTTP/2 connection per worker; as many stream workers as processors; a message of one bytes field",
		lacks: "no retry unless configured, no membership, no look at who is busy",
		worker: func(ctx context.Context, s *setup, ready func(string)) error {
			e := newExecutor(s.Slots)
			defer e.close()
			l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // takes no time
			if err != nil {
				return err
			}
			g := grpc.NewServer(grpc.NumStreamWorkers(uint32(runtime.NumCPU())))
			g.RegisterService(&grpcService, e)
			stop := context.AfterFunc(ctx, g.Stop)
			defer stop()
			ready(l.Addr().String())
			return g.Serve(l)
		},
		client: newGRPCClient,
	}
}

// grpcService is what protoc-gen-go-grpc would generate for: service Work { rpc Do(google.protobuf.BytesValue) returns
// (google.protobuf.BytesValue); }.
var grpcService = grpc.ServiceDesc{ //nolint:gochecknoglobals // constant
	ServiceName: "bench.Work",
	HandlerType: (*grpcServer)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Do",
		Handler: func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			var in wrapperspb.BytesValue
			if err := decode(&in); err != nil {
				return nil, err
			}
			result := make([]byte, resultBytes)
			if err := srv.(grpcServer).runInSlot(ctx, in.Value, result); err != nil { //nolint:forcetypeassert // registered above
				return nil, err
			}
			return &wrapperspb.BytesValue{Value: result}, nil
		},
	}},
}

type grpcServer interface {
	runInSlot(ctx context.Context, payload, result []byte) error
}

type grpcClient struct{ cc *grpc.ClientConn }

func newGRPCClient(ctx context.Context, s *setup) (submitter, error) {
	r := manual.NewBuilderWithScheme("workers")
	var state resolver.State
	for _, addr := range s.WorkerAddrs {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: addr}}})
	}
	r.InitialState(state)
	cc, err := grpc.NewClient("workers:///all", grpc.WithResolvers(r), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`))
	if err != nil {
		return nil, err
	}
	cc.Connect()
	for state := cc.GetState(); state != connectivity.Ready; state = cc.GetState() {
		if !cc.WaitForStateChange(ctx, state) {
			return nil, ctx.Err()
		}
	}
	return &grpcClient{cc}, nil
}

func (c *grpcClient) do(ctx context.Context, payloads [][]byte, served []time.Duration) error {
	return fanOut(len(payloads), func(i int) error {
		var out wrapperspb.BytesValue
		err := c.cc.Invoke(ctx, grpcMethod, &wrapperspb.BytesValue{Value: payloads[i]}, &out, grpc.StaticMethod())
		if err != nil {
			return err
		}
		served[i], err = readServed(out.Value)
		return err
	})
}

func (c *grpcClient) close() error { return c.cc.Close() }
