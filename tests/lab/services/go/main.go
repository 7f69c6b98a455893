// The Go services of the lab's shop in one executable: `shop KIND [options]`.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"

	"shop/ginhystrix"
	"shop/gokit"
	"shop/gomicro"
	"shop/grpc"
	"shop/monkit"
	"shop/mux"
	"shop/shop"
)

var kinds = map[string]func(shop.Options) error{
	"gin-hystrix": ginhystrix.Run,
	"go-kit":      gokit.Run,
	"go-micro":    gomicro.Run,
	"grpc":        grpc.Run,
	"monkit":      monkit.Run,
	"mux":         mux.Run,
}

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 || kinds[arguments[0]] == nil {
		names := make([]string, 0, len(kinds))
		for name := range kinds {
			names = append(names, name)
		}
		sort.Strings(names)
		return fmt.Errorf("which service? one of: %s", strings.Join(names, ", "))
	}
	options, err := shop.Parse(arguments[0], arguments[1:])
	if err != nil {
		return err
	}
	return kinds[arguments[0]](options)
}
