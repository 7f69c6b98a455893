package shop

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// NewClient is an HTTP client for calls, with a transport of the caller's around the wire.
func NewClient(around func(http.RoundTripper) http.RoundTripper) *http.Client {
	var transport http.RoundTripper = &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 16}
	if around != nil {
		transport = around(transport)
	}
	return &http.Client{Transport: transport, Timeout: Timeout}
}

// Get calls another service over HTTP.
func Get(ctx context.Context, client *http.Client, callee Callee) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, callee.URL.String(), nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	// Read to the end, so that the connection is used again.
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("status %d", answer.StatusCode)
	}
	return nil
}

// Serve listens, says so in one line, and serves until the process ends. `more` are further listeners to name, `rpc=HOST:PORT`.
func Serve(options Options, handler http.Handler, more ...string) error {
	listener, err := net.Listen("tcp", options.Listen)
	if err != nil {
		return err
	}
	line := fmt.Sprintf("ready service=%s http=%s", options.Name, listener.Addr())
	for _, one := range more {
		line += " " + one
	}
	fmt.Fprintln(os.Stdout, line)
	return http.Serve(listener, handler)
}
