// Package monkit is a service of net/http that is measured by monkit, whose calls go through sony/gobreaker's second version.
package monkit

import (
	"context"
	"fmt"
	"net/http"
	"sort"
	"strings"

	"github.com/sony/gobreaker/v2"
	"github.com/spacemonkeygo/monkit/v3"
	"github.com/spacemonkeygo/monkit/v3/environment"
	"github.com/spacemonkeygo/monkit/v3/present"

	"shop/shop"
)

var mon = monkit.Package()

// Run serves until the process ends.
func Run(options shop.Options) error {
	environment.Register(monkit.Default)
	knob := &shop.Knob{}
	visit := shop.Visit{Service: options.Name, Knob: knob, Calls: calls(options.Callees)}

	router := http.NewServeMux()
	router.HandleFunc("GET /{$}", func(answer http.ResponseWriter, request *http.Request) {
		shop.Answer(answer, options.Name, measured(request.Context(), visit))
	})
	router.HandleFunc("GET /health", knob.Health)
	router.Handle("/knob", knob)
	router.HandleFunc("GET /metrics", metrics)
	router.Handle("/mon/", http.StripPrefix("/mon", present.HTTP(monkit.Default)))
	return shop.Serve(options, router)
}

func measured(ctx context.Context, visit shop.Visit) (err error) {
	defer mon.TaskNamed("visit")(&ctx)(&err)
	return visit.Run(ctx)
}

func calls(callees []shop.Callee) []shop.Call {
	client := shop.NewClient(nil)
	var all []shop.Call
	for _, callee := range callees {
		state := mon.IntVal("breaker_state", monkit.NewSeriesTag("name", callee.Name))
		state.Observe(int64(gobreaker.StateClosed))
		breaker := gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
			Name:          callee.Name,
			Interval:      shop.Window,
			Timeout:       shop.Sleep,
			ReadyToTrip:   func(counts gobreaker.Counts) bool { return shop.Trips(counts.Requests, counts.TotalFailures) },
			OnStateChange: func(_ string, _, to gobreaker.State) { state.Observe(int64(to)) },
		})
		task := mon.TaskNamed("call", monkit.NewSeriesTag("service", callee.Name))
		all = append(all, shop.Call{Callee: callee.Name, Do: func(ctx context.Context) (err error) {
			defer task(&ctx)(&err)
			_, err = breaker.Execute(func() (struct{}, error) { return struct{}{}, shop.Get(ctx, client, callee) })
			return err
		}})
	}
	return all
}

// Monkit has no endpoint for Prometheus: this is the way of the applications that offer one, a measurement as the name
// and the field as a label.
func metrics(answer http.ResponseWriter, _ *http.Request) {
	lines := map[string][]string{}
	monkit.Default.Stats(func(key monkit.SeriesKey, field string, value float64) {
		labels := []string{fmt.Sprintf("field=%q", field)}
		for tag, text := range key.Tags.All() {
			labels = append(labels, fmt.Sprintf("%s=%q", clean(tag), text))
		}
		sort.Strings(labels)
		name := clean(key.Measurement)
		lines[name] = append(lines[name], fmt.Sprintf("%s{%s} %g", name, strings.Join(labels, ","), value))
	})
	names := make([]string, 0, len(lines))
	for name := range lines {
		names = append(names, name)
	}
	sort.Strings(names)
	answer.Header().Set("Content-Type", "text/plain; version=0.0.4")
	for _, name := range names {
		sort.Strings(lines[name])
		fmt.Fprintf(answer, "# TYPE %s gauge\n%s\n", name, strings.Join(lines[name], "\n"))
	}
}

func clean(name string) string {
	return strings.Map(func(letter rune) rune {
		if letter == '_' || letter >= 'a' && letter <= 'z' || letter >= 'A' && letter <= 'Z' || letter >= '0' && letter <= '9' {
			return letter
		}
		return '_'
	}, name)
}
