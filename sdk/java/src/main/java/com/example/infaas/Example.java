package com.example.infaas;

import com.example.inference.GRPCInferenceServiceGrpc;
import com.example.inference.InferParameter;
import com.example.inference.ModelInferRequest;
import com.example.infaas.v1.InferenceServiceGrpc;
import com.example.infaas.v1.Offer;
import com.example.infaas.v1.QueryRequest;
import com.example.infaas.v1.QueryResponse;
import com.example.infaas.v1.Refusal;
import com.example.infaas.v1.Slo;
import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.grpc.Channel;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Asks INFaaS for a digit three ways: by requirements, by requirements nobody can meet, and over the stock protocol.
 *
 * <p>Argument: HOST:PORT of a frontend.
 */
public final class Example {
  private static final String TASK = "digit-classification";

  /** A seven of the UCI handwritten digits: 8 x 8 pixels from 0 to 16. */
  private static final int[] SEVEN = {
    0, 0, 4, 15, 16, 13, 13, 10,
    0, 0, 12, 13, 10, 15, 14, 2,
    0, 2, 16, 6, 2, 14, 6, 0,
    0, 1, 5, 0, 9, 11, 0, 0,
    0, 0, 7, 12, 16, 14, 6, 0,
    0, 0, 8, 15, 15, 11, 2, 0,
    0, 0, 2, 16, 8, 0, 0, 0,
    0, 0, 7, 15, 4, 0, 0, 0,
  };

  private static final ModelInferRequest.InferInputTensor TENSOR =
      ModelInferRequest.InferInputTensor.newBuilder()
          .setName("image")
          .setDatatype("FP32")
          .addAllShape(List.of(1L, 1L, 8L, 8L))
          .build();

  public static void main(String[] arguments) throws InterruptedException {
    String address = arguments.length > 0 ? arguments[0] : "127.0.0.1:8001";
    ManagedChannel channel =
        Grpc.newChannelBuilder(address, InsecureChannelCredentials.create()).build();
    try {
      printReceipt(query(channel, Slo.newBuilder().setMinAccuracy(0.9).setLatencyMs(1000)));
      try {
        query(channel, Slo.newBuilder().setMinAccuracy(1));
      } catch (StatusRuntimeException error) {
        printRefusal(error);
      }
      modelInfer(channel);
    } finally {
      channel.shutdown().awaitTermination(5, TimeUnit.SECONDS);
    }
  }

  private static QueryResponse query(Channel channel, Slo.Builder slo) {
    QueryRequest request =
        QueryRequest.newBuilder()
            .setTarget(TASK)
            .setSlo(slo)
            .addInputs(TENSOR)
            .addRawInputContents(pixels())
            .build();
    return InferenceServiceGrpc.newBlockingStub(channel)
        .withDeadlineAfter(10, TimeUnit.SECONDS)
        .query(request);
  }

  private static void modelInfer(Channel channel) {
    var request =
        ModelInferRequest.newBuilder()
            .setModelName(TASK)
            .putParameters("slo_latency_ms", InferParameter.newBuilder().setInt64Param(1000).build())
            .addInputs(TENSOR)
            .addRawInputContents(pixels())
            .build();
    var answer =
        GRPCInferenceServiceGrpc.newBlockingStub(channel)
            .withDeadlineAfter(10, TimeUnit.SECONDS)
            .modelInfer(request);
    System.out.printf(
        "ModelInfer: digit %d by %s%n",
        digit(answer.getRawOutputContents(0)),
        answer.getParametersOrThrow("variant").getStringParam());
  }

  private static void printReceipt(QueryResponse answer) {
    var receipt = answer.getReceipt();
    System.out.printf("digit %d by %s%n", digit(answer.getRawOutputContents(0)), receipt.getVariant());
    System.out.printf(
        "  accuracy %.4f  batch %d  %.2f ms  %.2e USD%n",
        receipt.getAccuracy().getValue(),
        receipt.getBatchSize(),
        receipt.getTotalMs(),
        receipt.getCostUsd());
  }

  private static void printRefusal(StatusRuntimeException error) {
    System.out.printf("refused: %s%n", error.getStatus().getCode());
    var status = StatusProto.fromThrowable(error);
    for (Any detail : status == null ? List.<Any>of() : status.getDetailsList()) {
      if (detail.is(Refusal.class)) offersOf(detail).forEach(Example::printOffer);
    }
  }

  private static List<Offer> offersOf(Any detail) {
    try {
      return detail.unpack(Refusal.class).getOffersList();
    } catch (InvalidProtocolBufferException unreadable) {
      throw new IllegalStateException("a refusal's details cannot be read", unreadable);
    }
  }

  private static void printOffer(Offer offer) {
    System.out.printf(
        "  offer: relax %s, get %s in %.2f ms, accuracy %.4f%n",
        offer.getRelax(), offer.getVariant(), offer.getLatencyMs(), offer.getAccuracy());
  }

  private static ByteString pixels() {
    ByteBuffer raw = ByteBuffer.allocate(4 * SEVEN.length).order(ByteOrder.LITTLE_ENDIAN);
    for (int pixel : SEVEN) raw.putFloat(pixel);
    return ByteString.copyFrom(raw.flip());
  }

  /** The index of the highest score. */
  private static int digit(ByteString logits) {
    var scores = logits.asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    int best = 0;
    for (int i = 1; i < scores.limit(); i++) {
      if (scores.get(i) > scores.get(best)) best = i;
    }
    return best;
  }

  private Example() {}
}
