// Load on ModelInfer from a client that costs little CPU itself. Closed loop: a fixed number of requests in flight, each
// answered before its successor is sent. Open loop (-rate): Poisson arrivals, whatever becomes of the answers. Speaks HTTP/2 frame by frame (a gRPC library costs this machine more CPU a
// request than the servers under test). Prints one JSON line. Every answer is checked for its status and size.
//
// go run . -address 127.0.0.1:8001 -model mlp-s -input x -floats 64 -in-flight 16 -seconds 5
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

type options struct {
	address, model, input, shape  string
	token, ca                     string
	rate                          float64
	floats, inFlight, connections int
	warmUp, duration              time.Duration
	deadline                      time.Duration
}

type result struct {
	Requests  int            `json:"requests"`
	Seconds   float64        `json:"seconds"`
	PerSecond float64        `json:"perSecond"`
	P50Ms     float64        `json:"p50Ms"`
	P99Ms     float64        `json:"p99Ms"`
	Failures  map[string]int `json:"failures"`
}

func main() {
	o := parse()
	request := encodeRequest(o)
	if o.warmUp > 0 {
		run(o, request, o.warmUp)
	}
	if err := json.NewEncoder(os.Stdout).Encode(run(o, request, o.duration)); err != nil {
		fail(err)
	}
}

func parse() options {
	var o options
	var seconds, warmUp float64
	var deadlineMs float64
	flag.StringVar(&o.address, "address", "127.0.0.1:8001", "frontend, host:port")
	flag.StringVar(&o.model, "model", "", "task, architecture or variant")
	flag.StringVar(&o.input, "input", "x", "name of the one float32 input")
	flag.StringVar(&o.shape, "shape", "", "row shape, for example 3,224,224; default: the number of floats")
	flag.StringVar(&o.token, "token", "", "bearer token to present; default: none")
	flag.StringVar(&o.ca, "ca", "", "PEM file of who vouches for the server; with it TLS is spoken")
	flag.Float64Var(&o.rate, "rate", 0, "requests per second, open loop; default: closed loop")
	flag.IntVar(&o.floats, "floats", 64, "float32 values in the input row")
	flag.IntVar(&o.inFlight, "in-flight", 1, "requests in flight")
	flag.IntVar(&o.connections, "connections", 4, "connections they are spread over, at most one each")
	flag.Float64Var(&seconds, "seconds", 5, "measured time")
	flag.Float64Var(&warmUp, "warm-up", 1, "time before that, not measured")
	flag.Float64Var(&deadlineMs, "deadline-ms", 60000, "gRPC deadline of each request")
	flag.Parse()
	o.duration = time.Duration(seconds * float64(time.Second))
	o.warmUp = time.Duration(warmUp * float64(time.Second))
	o.deadline = time.Duration(deadlineMs * float64(time.Millisecond))
	return o
}

// encodeRequest writes a ModelInferRequest of one row: 1 model_name, 5 inputs (1 name, 2 datatype, 3 shape), 7 raw_input_contents.
func encodeRequest(o options) []byte {
	shape := []uint64{1}
	var rest []uint64
	for _, size := range splitInts(o.shape) {
		rest = append(rest, size)
	}
	if rest == nil {
		rest = []uint64{uint64(o.floats)}
	}
	var packed []byte
	for _, size := range append(shape, rest...) {
		packed = protowire.AppendVarint(packed, size)
	}
	var tensor []byte
	tensor = protowire.AppendString(protowire.AppendTag(tensor, 1, protowire.BytesType), o.input)
	tensor = protowire.AppendString(protowire.AppendTag(tensor, 2, protowire.BytesType), "FP32")
	tensor = protowire.AppendBytes(protowire.AppendTag(tensor, 3, protowire.BytesType), packed)
	var request []byte
	request = protowire.AppendString(protowire.AppendTag(request, 1, protowire.BytesType), o.model)
	request = protowire.AppendBytes(protowire.AppendTag(request, 5, protowire.BytesType), tensor)
	return protowire.AppendBytes(protowire.AppendTag(request, 7, protowire.BytesType), make([]byte, 4*o.floats))
}

func splitInts(text string) []uint64 {
	var values []uint64
	var value uint64
	inside := false
	for _, c := range text + "," {
		if c >= '0' && c <= '9' {
			value, inside = value*10+uint64(c-'0'), true
		} else if inside {
			values, value, inside = append(values, value), 0, false
		}
	}
	return values
}

// run spreads the requests in flight over the connections as evenly as they divide.
func run(o options, request []byte, duration time.Duration) result {
	count := min(o.connections, o.inFlight)
	callers := make([]*caller, count)
	started := time.Now()
	var all sync.WaitGroup
	for i := range callers {
		share := o.inFlight / count
		if i < o.inFlight%count {
			share++
		}
		callers[i] = newCaller(o, request)
		all.Go(func() {
			if o.rate > 0 {
				callers[i].runOpen(o.rate/float64(count), started.Add(duration))
			} else {
				callers[i].run(share, started.Add(duration))
			}
		})
	}
	all.Wait()
	return summarise(callers, time.Since(started))
}

func summarise(callers []*caller, took time.Duration) result {
	var all []time.Duration
	total := map[string]int{}
	for _, c := range callers {
		all = append(all, c.latencies...)
		for message, count := range c.failures {
			total[message] += count
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	quantile := func(q float64) float64 {
		if len(all) == 0 {
			return 0
		}
		return float64(all[int(q*float64(len(all)-1))]) / float64(time.Millisecond)
	}
	seconds := took.Seconds()
	return result{len(all), seconds, float64(len(all)) / seconds, quantile(0.5), quantile(0.99), total}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
