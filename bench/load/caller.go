package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	method        = "/inference.GRPCInferenceService/ModelInfer"
	windowBytes   = 1 << 30 // what servers may send unasked: answers never wait for this client
	windowRefresh = 1 << 26
	bufferBytes   = 1 << 20
	defaultWindow = 65535
	defaultFrame  = 16384
)

// caller is one connection with its requests in flight. Everything happens on the goroutine that reads it.
type caller struct {
	connection net.Conn
	writer     *bufio.Writer
	reader     *bufio.Reader
	framer     *http2.Framer
	headers    []byte // the same block for each request: nothing in it is indexed
	message    []byte

	nextStream   uint32
	flights      map[uint32]*flight
	waiting      []*flight // by age: what the peer's windows hold back
	peerWindow   int64
	streamWindow int64
	frameMax     int
	streamsMax   int
	unrefreshed  uint32

	latencies []time.Duration
	failures  map[string]int
}

// flight is one request on its way.
type flight struct {
	stream uint32
	sent   time.Time
	rest   []byte
	window int64
	bytes  int
	status string
}

func newCaller(o options, request []byte) *caller {
	connection, err := dial(o)
	if err != nil {
		fail(err)
	}
	c := &caller{
		connection: connection, writer: bufio.NewWriterSize(connection, bufferBytes), reader: bufio.NewReaderSize(connection, bufferBytes),
		headers: headerBlock(o), message: frameMessage(request), nextStream: 1, flights: map[uint32]*flight{},
		peerWindow: defaultWindow, streamWindow: defaultWindow, frameMax: defaultFrame, streamsMax: math.MaxInt, failures: map[string]int{},
	}
	c.framer = http2.NewFramer(c.writer, c.reader)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.framer.SetReuseFrames()
	c.writer.WriteString(http2.ClientPreface)
	c.framer.WriteSettings(
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: windowBytes},
	)
	c.framer.WriteWindowUpdate(0, windowBytes)
	return c
}

func dial(o options) (net.Conn, error) {
	if o.ca == "" {
		return net.Dial("tcp", o.address)
	}
	pem, err := os.ReadFile(o.ca)
	if err != nil {
		return nil, err
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", o.ca)
	}
	return tls.Dial("tcp", o.address, &tls.Config{RootCAs: authorities, NextProtos: []string{"h2"}})
}

func headerBlock(o options) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSizeLimit(0)
	fields := [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", method}, {":authority", o.address},
		{"content-type", "application/grpc"}, {"te", "trailers"},
		{"grpc-timeout", strconv.FormatInt(o.deadline.Milliseconds(), 10) + "m"},
	}
	if o.token != "" {
		fields = append(fields, [2]string{"authorization", "Bearer " + o.token})
	}
	for _, field := range fields {
		encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	return block.Bytes()
}

// frameMessage puts gRPC's prefix before a message: not compressed, and its length.
func frameMessage(request []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(request))), request...)
}

// run keeps `inFlight` requests on their way until the time is over and all are answered.
func (c *caller) run(inFlight int, until time.Time) {
	defer c.connection.Close()
	for range inFlight {
		c.start()
	}
	for len(c.flights) > 0 {
		// One write for all that this turn answered.
		if c.reader.Buffered() == 0 {
			if err := c.writer.Flush(); err != nil {
				c.lost(err)
				return
			}
		}
		frame, err := c.framer.ReadFrame()
		if err != nil {
			c.lost(err)
			return
		}
		if c.take(frame) && time.Now().Before(until) {
			c.start()
		}
	}
}

// runOpen starts requests at Poisson times until the time is over, and takes the answers as they come.
func (c *caller) runOpen(perSecond float64, until time.Time) {
	defer c.connection.Close()
	next := time.Now()
	for {
		for now := time.Now(); !next.After(now) && next.Before(until); {
			if len(c.flights) < c.streamsMax {
				c.start()
			} else {
				c.failures["not sent: the connection carries as many calls as the server takes"]++
			}
			next = next.Add(time.Duration(rand.ExpFloat64() / perSecond * float64(time.Second)))
		}
		if !next.Before(until) && len(c.flights) == 0 {
			return
		}
		if err := c.writer.Flush(); err != nil {
			c.lost(err)
			return
		}
		// Waiting for a frame ends when the next request is due; a frame that has begun is read whole.
		if next.Before(until) {
			c.connection.SetReadDeadline(next)
		} else {
			c.connection.SetReadDeadline(time.Time{})
		}
		if _, err := c.reader.Peek(1); errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		c.connection.SetReadDeadline(time.Time{})
		frame, err := c.framer.ReadFrame()
		if err != nil {
			c.lost(err)
			return
		}
		c.take(frame)
	}
}

func (c *caller) start() {
	f := &flight{stream: c.nextStream, sent: time.Now(), rest: c.message, window: c.streamWindow}
	c.nextStream += 2
	c.flights[f.stream] = f
	c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: f.stream, BlockFragment: c.headers, EndHeaders: true})
	if c.waiting = append(c.waiting, f); len(c.waiting) == 1 {
		c.send()
	}
}

// send writes what the windows allow, oldest request first.
func (c *caller) send() {
	kept := c.waiting[:0]
	for _, f := range c.waiting {
		for len(f.rest) > 0 && c.peerWindow > 0 && f.window > 0 {
			size := min(len(f.rest), c.frameMax, int(min(c.peerWindow, f.window)))
			c.framer.WriteData(f.stream, size == len(f.rest), f.rest[:size])
			f.rest = f.rest[size:]
			c.peerWindow -= int64(size)
			f.window -= int64(size)
		}
		if len(f.rest) > 0 && c.flights[f.stream] == f {
			kept = append(kept, f)
		}
	}
	c.waiting = kept
}

// take follows one frame; true when it ended a request.
func (c *caller) take(frame http2.Frame) bool {
	switch frame := frame.(type) {
	case *http2.DataFrame:
		c.received(frame)
	case *http2.MetaHeadersFrame:
		return c.head(frame)
	case *http2.RSTStreamFrame:
		return c.end(frame.StreamID, fmt.Sprintf("reset with %v", frame.ErrCode))
	case *http2.WindowUpdateFrame:
		c.widen(frame)
	case *http2.SettingsFrame:
		c.settle(frame)
	case *http2.PingFrame:
		if !frame.IsAck() {
			c.framer.WritePing(true, frame.Data)
		}
	}
	return false
}

func (c *caller) received(frame *http2.DataFrame) {
	if f := c.flights[frame.StreamID]; f != nil {
		f.bytes += len(frame.Data())
	}
	if c.unrefreshed += frame.Length; c.unrefreshed >= windowRefresh {
		c.framer.WriteWindowUpdate(0, c.unrefreshed)
		c.unrefreshed = 0
	}
}

func (c *caller) head(frame *http2.MetaHeadersFrame) bool {
	f := c.flights[frame.StreamID]
	if f == nil {
		return false
	}
	message := ""
	for _, field := range frame.RegularFields() {
		switch field.Name {
		case "grpc-status":
			f.status = field.Value
		case "grpc-message":
			message = field.Value
		}
	}
	if !frame.StreamEnded() {
		return false
	}
	switch {
	case f.status != "0":
		return c.end(f.stream, fmt.Sprintf("status %q: %s", f.status, message))
	case f.bytes <= 5:
		return c.end(f.stream, "empty answer")
	}
	return c.end(f.stream, "")
}

func (c *caller) end(stream uint32, failure string) bool {
	f := c.flights[stream]
	if f == nil {
		return false
	}
	delete(c.flights, stream)
	if failure == "" {
		c.latencies = append(c.latencies, time.Since(f.sent))
	} else {
		c.failures[failure]++
	}
	return true
}

func (c *caller) widen(frame *http2.WindowUpdateFrame) {
	if frame.StreamID == 0 {
		c.peerWindow += int64(frame.Increment)
	} else if f := c.flights[frame.StreamID]; f != nil {
		f.window += int64(frame.Increment)
	}
	c.send()
}

func (c *caller) settle(frame *http2.SettingsFrame) {
	if frame.IsAck() {
		return
	}
	frame.ForeachSetting(func(s http2.Setting) error {
		switch s.ID {
		case http2.SettingInitialWindowSize:
			for _, f := range c.flights {
				f.window += int64(s.Val) - c.streamWindow
			}
			c.streamWindow = int64(s.Val)
		case http2.SettingMaxFrameSize:
			c.frameMax = int(s.Val)
		case http2.SettingMaxConcurrentStreams:
			c.streamsMax = int(s.Val)
		}
		return nil
	})
	c.framer.WriteSettingsAck()
	c.send()
}

func (c *caller) lost(err error) {
	c.failures["connection: "+err.Error()] += len(c.flights)
}
