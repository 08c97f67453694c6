// Asks INFaaS for a digit three ways: by requirements, by requirements nobody can meet, and over the stock protocol.
//
// Usage: go run . [HOST:PORT]
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"log"
	"math"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	infaas "example.com/infaas/gen/infaas/v1"
	oip "example.com/infaas/gen/inference"
)

const task = "digit-classification"

// A seven of the UCI handwritten digits: 8 x 8 pixels from 0 to 16.
var seven = [64]float32{
	0, 0, 4, 15, 16, 13, 13, 10,
	0, 0, 12, 13, 10, 15, 14, 2,
	0, 2, 16, 6, 2, 14, 6, 0,
	0, 1, 5, 0, 9, 11, 0, 0,
	0, 0, 7, 12, 16, 14, 6, 0,
	0, 0, 8, 15, 15, 11, 2, 0,
	0, 0, 2, 16, 8, 0, 0, 0,
	0, 0, 7, 15, 4, 0, 0, 0,
}

func main() {
	address := "127.0.0.1:8001"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()

	answer, err := query(ctx, conn, &infaas.Slo{MinAccuracy: proto.Float64(0.9), LatencyMs: proto.Float64(1000)})
	if err != nil {
		log.Fatal(err)
	}
	printReceipt(answer)

	if _, err = query(ctx, conn, &infaas.Slo{MinAccuracy: proto.Float64(1)}); err != nil {
		printRefusal(err)
	}

	if err = modelInfer(ctx, conn); err != nil {
		log.Fatal(err)
	}
}

func query(ctx context.Context, conn *grpc.ClientConn, slo *infaas.Slo) (*infaas.QueryResponse, error) {
	return infaas.NewInferenceServiceClient(conn).Query(ctx, &infaas.QueryRequest{
		Target:           task,
		Slo:              slo,
		Inputs:           tensors(),
		RawInputContents: [][]byte{pixels()},
	})
}

func modelInfer(ctx context.Context, conn *grpc.ClientConn) error {
	answer, err := oip.NewGRPCInferenceServiceClient(conn).ModelInfer(ctx, &oip.ModelInferRequest{
		ModelName: task,
		Parameters: map[string]*oip.InferParameter{
			"slo_latency_ms": {ParameterChoice: &oip.InferParameter_Int64Param{Int64Param: 1000}},
		},
		Inputs:           tensors(),
		RawInputContents: [][]byte{pixels()},
	})
	if err != nil {
		return err
	}
	variant := answer.GetParameters()["variant"].GetStringParam()
	fmt.Printf("ModelInfer: digit %d by %s\n", digit(answer.GetRawOutputContents()[0]), variant)
	return nil
}

func printReceipt(answer *infaas.QueryResponse) {
	receipt := answer.GetReceipt()
	fmt.Printf("digit %d by %s\n", digit(answer.GetRawOutputContents()[0]), receipt.GetVariant())
	fmt.Printf("  accuracy %.4f  batch %d  %.2f ms  %.3g USD\n",
		receipt.GetAccuracy().GetValue(), receipt.GetBatchSize(), receipt.GetTotalMs(), receipt.GetCostUsd())
}

func printRefusal(err error) {
	refused := status.Convert(err)
	fmt.Printf("refused: %s\n", refused.Code())
	for _, detail := range refused.Details() {
		refusal, ok := detail.(*infaas.Refusal)
		if !ok {
			continue
		}
		for _, offer := range refusal.GetOffers() {
			fmt.Printf("  offer: relax %s, get %s in %.2f ms, accuracy %.4f\n",
				offer.GetRelax(), offer.GetVariant(), offer.GetLatencyMs(), offer.GetAccuracy())
		}
	}
}

func tensors() []*oip.ModelInferRequest_InferInputTensor {
	return []*oip.ModelInferRequest_InferInputTensor{{Name: "image", Datatype: "FP32", Shape: []int64{1, 1, 8, 8}}}
}

func pixels() []byte {
	raw := make([]byte, 0, 4*len(seven))
	for _, pixel := range seven {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(pixel))
	}
	return raw
}

// digit is the index of the highest score.
func digit(logits []byte) int {
	best, highest := 0, float32(math.Inf(-1))
	for i := 0; i < len(logits)/4; i++ {
		if score := math.Float32frombits(binary.LittleEndian.Uint32(logits[4*i:])); score > highest {
			best, highest = i, score
		}
	}
	return best
}
