// Package ginhystrix is a service of gin whose calls go through hystrix-go: breakers are seen in its stream alone.
package ginhystrix

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/afex/hystrix-go/hystrix"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"shop/shop"
)

// Run serves until the process ends.
func Run(options shop.Options) error {
	stream := hystrix.NewStreamHandler()
	stream.Start()
	knob := &shop.Knob{}
	visit := shop.Visit{Service: options.Name, Knob: knob, Calls: calls(options.Callees)}

	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery(), measured())
	router.GET("/", gin.WrapH(visit))
	router.GET("/health", gin.WrapF(knob.Health))
	router.Any("/knob", gin.WrapH(knob))
	router.GET("/hystrix.stream", gin.WrapH(stream))
	router.GET("/metrics", gin.WrapH(promhttp.Handler()))
	return shop.Serve(options, router)
}

// Its window is always ten seconds; a success after the sleep clears it.
func calls(callees []shop.Callee) []shop.Call {
	var all []shop.Call
	for _, callee := range callees {
		timed := promauto.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_client_request_duration_seconds", Help: "Duration of HTTP requests to other services.",
			ConstLabels: prometheus.Labels{"client": callee.Name},
		}, []string{"code", "method"})
		client := shop.NewClient(func(wire http.RoundTripper) http.RoundTripper {
			return promhttp.InstrumentRoundTripperDuration(timed, wire)
		})
		hystrix.ConfigureCommand(callee.Name, hystrix.CommandConfig{
			Timeout:                int(shop.Timeout.Milliseconds()),
			RequestVolumeThreshold: shop.MinimumCalls,
			ErrorPercentThreshold:  100 * shop.FailureRatio,
			SleepWindow:            int(shop.Sleep.Milliseconds()),
			MaxConcurrentRequests:  100,
		})
		all = append(all, shop.Call{Callee: callee.Name, Do: func(ctx context.Context) error {
			return hystrix.DoC(ctx, callee.Name, func(ctx context.Context) error { return shop.Get(ctx, client, callee) }, nil)
		}})
	}
	return all
}

// The names that most middlewares of gin for Prometheus give.
func measured() gin.HandlerFunc {
	labels := []string{"code", "method", "url"}
	requests := promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "gin_requests_total", Help: "How many HTTP requests processed, partitioned by status code and HTTP method.",
	}, labels)
	durations := promauto.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gin_request_duration_seconds", Help: "The HTTP request latencies in seconds.",
	}, labels)
	return func(context *gin.Context) {
		started := time.Now()
		context.Next()
		values := []string{strconv.Itoa(context.Writer.Status()), context.Request.Method, context.FullPath()}
		requests.WithLabelValues(values...).Inc()
		durations.WithLabelValues(values...).Observe(time.Since(started).Seconds())
	}
}
