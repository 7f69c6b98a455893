// Package shop is what all these services have in common: how they are started, their knob, and what a visit is.
package shop

import (
	"flag"
	"fmt"
	"net/url"
	"strings"
)

// Options is what a service is started with.
type Options struct {
	// Name of the service in the shop.
	Name string
	// Listen is the address of its HTTP server.
	Listen string
	// ListenRPC is the address of its second, binary protocol, where it has one.
	ListenRPC string
	// Consul is HOST:PORT of the registry, for services that register themselves.
	Consul string
	// Callees are called by each visit, in this order.
	Callees []Callee
}

// Callee is another service that each visit calls.
type Callee struct {
	Name string
	URL  *url.URL
}

// Parse reads a command line.
func Parse(kind string, arguments []string) (Options, error) {
	options := Options{}
	flags := flag.NewFlagSet(kind, flag.ContinueOnError)
	flags.StringVar(&options.Name, "name", kind, "name of the service")
	flags.StringVar(&options.Listen, "listen", "127.0.0.1:0", "address of its HTTP server")
	flags.StringVar(&options.ListenRPC, "listen-rpc", "127.0.0.1:0", "address of its binary protocol")
	flags.StringVar(&options.Consul, "consul", "", "HOST:PORT of the Consul to register in, by services that do so themselves")
	flags.Func("call", "NAME=URL of a service that each visit calls", func(text string) error {
		name, address, found := strings.Cut(text, "=")
		parsed, err := url.Parse(address)
		if !found || err != nil || parsed.Host == "" {
			return fmt.Errorf("%q is not NAME=URL", text)
		}
		options.Callees = append(options.Callees, Callee{Name: name, URL: parsed})
		return nil
	})
	return options, flags.Parse(arguments)
}
