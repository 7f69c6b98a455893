// Package grpc is a service of grpc-go: it takes payments over the binary protocol, says how it is by grpc.health.v1, and
// counts as go-grpc-middleware does. Its own calls are of the same protocol or of HTTP, each through sony/gobreaker.
package grpc

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	grpcprometheus "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sony/gobreaker/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"shop/shop"
)

// Run serves until the process ends.
func Run(options shop.Options) error {
	counted := grpcprometheus.NewServerMetrics(grpcprometheus.WithServerHandlingTimeHistogram())
	calling := grpcprometheus.NewClientMetrics(grpcprometheus.WithClientHandlingTimeHistogram())
	prometheus.MustRegister(counted, calling)
	calls, err := calls(options.Callees, calling)
	if err != nil {
		return err
	}
	knob := &shop.Knob{}
	visit := shop.Visit{Service: options.Name, Knob: knob, Calls: calls}

	server := grpc.NewServer(grpc.ChainUnaryInterceptor(counted.UnaryServerInterceptor()), grpc.ChainStreamInterceptor(counted.StreamServerInterceptor()))
	offered := offer(options.Name)
	server.RegisterService(&offered, visit)
	state := health.NewServer()
	grpc_health_v1.RegisterHealthServer(server, state)
	reflection.Register(server)
	counted.InitializeMetrics(server)
	tell := func() {
		serving := grpc_health_v1.HealthCheckResponse_SERVING
		if knob.IsOut() {
			serving = grpc_health_v1.HealthCheckResponse_NOT_SERVING
		}
		state.SetServingStatus("", serving)
		state.SetServingStatus(offered.ServiceName, serving)
	}
	tell()
	listener, err := net.Listen("tcp", options.ListenRPC)
	if err != nil {
		return err
	}
	go func() {
		if err := server.Serve(listener); err != nil {
			panic(err)
		}
	}()

	router := http.NewServeMux()
	router.Handle("GET /{$}", visit)
	router.HandleFunc("GET /health", knob.Health)
	router.HandleFunc("/knob", func(answer http.ResponseWriter, request *http.Request) {
		knob.ServeHTTP(answer, request)
		tell()
	})
	router.Handle("GET /metrics", promhttp.Handler())
	return shop.Serve(options, router, "rpc="+listener.Addr().String())
}

// What a service of the shop offers: bank-gateway is called as shop.v1.BankGateway.
func offeredBy(service string) string {
	offered := "shop.v1."
	for _, part := range strings.Split(service, "-") {
		if part != "" {
			offered += strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return offered
}

func charge(service string) string {
	return "/" + offeredBy(service) + "/Charge"
}

// The one method takes and gives a google.protobuf.StringValue.
func offer(service string) grpc.ServiceDesc {
	handler := func(
		visit any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor,
	) (any, error) {
		order := &wrapperspb.StringValue{}
		if err := decode(order); err != nil {
			return nil, err
		}
		run := func(ctx context.Context, order any) (any, error) {
			switch err := visit.(shop.Visit).Run(ctx); {
			case errors.Is(err, shop.ErrFailed):
				return nil, status.Error(codes.Unavailable, err.Error())
			case err != nil:
				return nil, status.Error(codes.Internal, err.Error())
			}
			return wrapperspb.String("receipt of " + order.(*wrapperspb.StringValue).GetValue()), nil
		}
		if interceptor == nil {
			return run(ctx, order)
		}
		return interceptor(ctx, order, &grpc.UnaryServerInfo{Server: visit, FullMethod: charge(service)}, run)
	}
	return grpc.ServiceDesc{
		ServiceName: offeredBy(service),
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Charge", Handler: handler}},
	}
}

func calls(callees []shop.Callee, calling *grpcprometheus.ClientMetrics) ([]shop.Call, error) {
	state := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gobreaker_state", Help: "State of the circuit breaker: 0 closed, 1 half-open, 2 open.",
	}, []string{"name"})
	prometheus.MustRegister(state)
	plain := shop.NewClient(nil)
	var all []shop.Call
	for _, callee := range callees {
		do := func(ctx context.Context) error { return shop.Get(ctx, plain, callee) }
		if callee.URL.Scheme == "grpc" {
			connection, err := grpc.NewClient(
				"passthrough:///"+callee.URL.Host,
				grpc.WithTransportCredentials(insecure.NewCredentials()),
				grpc.WithUnaryInterceptor(calling.UnaryClientInterceptor()),
				grpc.WithNoProxy(),
			)
			if err != nil {
				return nil, err
			}
			do = func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, shop.Timeout)
				defer cancel()
				return connection.Invoke(ctx, charge(callee.Name), wrapperspb.String(time.Now().Format(time.RFC3339)), &wrapperspb.StringValue{})
			}
		}
		gauge := state.WithLabelValues(callee.Name)
		breaker := gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
			Name:          callee.Name,
			Interval:      shop.Window,
			Timeout:       shop.Sleep,
			ReadyToTrip:   func(counts gobreaker.Counts) bool { return shop.Trips(counts.Requests, counts.TotalFailures) },
			OnStateChange: func(_ string, _, to gobreaker.State) { gauge.Set(float64(to)) },
		})
		all = append(all, shop.Call{Callee: callee.Name, Do: func(ctx context.Context) error {
			_, err := breaker.Execute(func() (struct{}, error) { return struct{}{}, do(ctx) })
			return err
		}})
	}
	return all, nil
}
