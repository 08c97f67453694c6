// Closed-loop load on ModelInfer from a client that costs little CPU itself: a fixed number of requests in flight, each
// answered before its successor is sent. Prints one JSON line. Every answer is checked for its status and size.
//
// go run . -address 127.0.0.1:8001 -model mlp-s -input x -floats 64 -in-flight 16 -seconds 5
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
)

const method = "/inference.GRPCInferenceService/ModelInfer"

// rawCodec passes ready-made message bytes through.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append((*v.(*[]byte))[:0], data...)
	return nil
}
func (rawCodec) Name() string { return "proto" }

type options struct {
	address, model, input, shape  string
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
	connections := connect(o)
	request := encodeRequest(o)
	run(o, connections, request, o.warmUp)
	if err := json.NewEncoder(os.Stdout).Encode(run(o, connections, request, o.duration)); err != nil {
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

func connect(o options) []*grpc.ClientConn {
	count := min(o.connections, o.inFlight)
	connections := make([]*grpc.ClientConn, count)
	for i := range connections {
		connection, err := grpc.NewClient("passthrough:///"+o.address,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{}), grpc.MaxCallRecvMsgSize(64<<20)),
			grpc.WithInitialWindowSize(8<<20), grpc.WithInitialConnWindowSize(8<<20),
			grpc.WithWriteBufferSize(1<<20))
		if err != nil {
			fail(err)
		}
		connections[i] = connection
	}
	return connections
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

func run(o options, connections []*grpc.ClientConn, request []byte, duration time.Duration) result {
	started := time.Now()
	until := started.Add(duration)
	latencies := make([][]time.Duration, o.inFlight)
	failures := make([]map[string]int, o.inFlight)
	var all sync.WaitGroup
	for worker := range o.inFlight {
		all.Add(1)
		go func() {
			defer all.Done()
			latencies[worker], failures[worker] = work(o, connections[worker%len(connections)], request, until)
		}()
	}
	all.Wait()
	return summarise(latencies, failures, time.Since(started))
}

func work(o options, connection *grpc.ClientConn, request []byte, until time.Time) ([]time.Duration, map[string]int) {
	var latencies []time.Duration
	failures := map[string]int{}
	answer := make([]byte, 0, 1<<16)
	for time.Now().Before(until) {
		sent := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), o.deadline)
		err := connection.Invoke(ctx, method, &request, &answer)
		cancel()
		switch {
		case err != nil:
			failures[err.Error()]++
		case len(answer) == 0:
			failures["empty answer"]++
		default:
			latencies = append(latencies, time.Since(sent))
		}
	}
	return latencies, failures
}

func summarise(latencies [][]time.Duration, failures []map[string]int, took time.Duration) result {
	var all []time.Duration
	total := map[string]int{}
	for i := range latencies {
		all = append(all, latencies[i]...)
		for message, count := range failures[i] {
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
