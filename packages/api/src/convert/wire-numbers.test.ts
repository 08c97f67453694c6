import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { file_inference_grpc_service, GRPCInferenceService } from "../gen/inference/grpc_service_pb";
import { DataType, DataTypeSchema, file_inference_model_config } from "../gen/inference/model_config_pb";
import { file_xds_data_orca_v3_orca_load_report } from "../gen/xds/data/orca/v3/orca_load_report_pb";

/**
 * The protocol's numbers as dumped from the descriptors of Triton's client (docs/design/wire.md, section
 * 2.1), so that a slip in a .proto file is seen here and not by a stock client. `*` = repeated, `|` = one of
 * a choice.
 */
const messages: Readonly<Record<string, string>> = {
  ServerLiveRequest: "",
  ServerReadyRequest: "",
  ServerMetadataRequest: "",
  ServerLiveResponse: "1 live bool",
  ServerReadyResponse: "1 ready bool",
  ModelReadyRequest: "1 name string; 2 version string",
  ModelReadyResponse: "1 ready bool",
  ServerMetadataResponse: "1 name string; 2 version string; 3 extensions string*",
  ModelMetadataRequest: "1 name string; 2 version string",
  ModelMetadataResponse:
    "1 name string; 2 versions string*; 3 platform string; 4 inputs TensorMetadata*; 5 outputs TensorMetadata*; 6 properties map<string,string>",
  "ModelMetadataResponse.TensorMetadata": "1 name string; 2 datatype string; 3 shape int64*",
  InferParameter:
    "1 bool_param bool|; 2 int64_param int64|; 3 string_param string|; 4 double_param double|; 5 uint64_param uint64|",
  InferTensorContents:
    "1 bool_contents bool*; 2 int_contents int32*; 3 int64_contents int64*; 4 uint_contents uint32*; 5 uint64_contents uint64*; 6 fp32_contents float*; 7 fp64_contents double*; 8 bytes_contents bytes*",
  ModelInferRequest:
    "1 model_name string; 2 model_version string; 3 id string; 4 parameters map<string,InferParameter>; 5 inputs InferInputTensor*; 6 outputs InferRequestedOutputTensor*; 7 raw_input_contents bytes*",
  "ModelInferRequest.InferInputTensor":
    "1 name string; 2 datatype string; 3 shape int64*; 4 parameters map<string,InferParameter>; 5 contents InferTensorContents",
  "ModelInferRequest.InferRequestedOutputTensor": "1 name string; 2 parameters map<string,InferParameter>",
  ModelInferResponse:
    "1 model_name string; 2 model_version string; 3 id string; 4 parameters map<string,InferParameter>; 5 outputs InferOutputTensor*; 6 raw_output_contents bytes*",
  "ModelInferResponse.InferOutputTensor":
    "1 name string; 2 datatype string; 3 shape int64*; 4 parameters map<string,InferParameter>; 5 contents InferTensorContents",
  ModelStreamInferResponse: "1 error_message string; 2 infer_response ModelInferResponse",
  ModelConfigRequest: "1 name string; 2 version string",
  ModelConfigResponse: "1 config ModelConfig",
  ModelStatisticsRequest: "1 name string; 2 version string",
  ModelStatisticsResponse: "1 model_stats ModelStatistics*",
  ModelStatistics:
    "1 name string; 2 version string; 3 last_inference uint64; 4 inference_count uint64; 5 execution_count uint64; 6 inference_stats InferStatistics; 7 batch_stats InferBatchStatistics*; 8 memory_usage MemoryUsage*; 9 response_stats map<string,InferResponseStatistics>",
  StatisticDuration: "1 count uint64; 2 ns uint64",
  InferStatistics:
    "1 success StatisticDuration; 2 fail StatisticDuration; 3 queue StatisticDuration; 4 compute_input StatisticDuration; 5 compute_infer StatisticDuration; 6 compute_output StatisticDuration; 7 cache_hit StatisticDuration; 8 cache_miss StatisticDuration",
  InferBatchStatistics:
    "1 batch_size uint64; 2 compute_input StatisticDuration; 3 compute_infer StatisticDuration; 4 compute_output StatisticDuration",
  InferResponseStatistics:
    "1 compute_infer StatisticDuration; 2 compute_output StatisticDuration; 3 success StatisticDuration; 4 fail StatisticDuration; 5 empty_response StatisticDuration; 6 cancel StatisticDuration",
  MemoryUsage: "1 type string; 2 id int64; 3 byte_size uint64",
  RepositoryIndexRequest: "1 repository_name string; 2 ready bool",
  RepositoryIndexResponse: "1 models ModelIndex*",
  "RepositoryIndexResponse.ModelIndex": "1 name string; 2 version string; 3 state string; 4 reason string",
  ModelRepositoryParameter:
    "1 bool_param bool|; 2 int64_param int64|; 3 string_param string|; 4 bytes_param bytes|",
  RepositoryModelLoadRequest:
    "1 repository_name string; 2 model_name string; 3 parameters map<string,ModelRepositoryParameter>",
  RepositoryModelLoadResponse: "",
  RepositoryModelUnloadRequest:
    "1 repository_name string; 2 model_name string; 3 parameters map<string,ModelRepositoryParameter>",
  RepositoryModelUnloadResponse: "",
  SystemSharedMemoryStatusRequest: "1 name string",
  SystemSharedMemoryStatusResponse: "1 regions map<string,RegionStatus>",
  "SystemSharedMemoryStatusResponse.RegionStatus":
    "1 name string; 2 key string; 3 offset uint64; 4 byte_size uint64",
  SystemSharedMemoryRegisterRequest: "1 name string; 2 key string; 3 offset uint64; 4 byte_size uint64",
  SystemSharedMemoryRegisterResponse: "",
  SystemSharedMemoryUnregisterRequest: "1 name string",
  SystemSharedMemoryUnregisterResponse: "",
  CudaSharedMemoryStatusRequest: "1 name string",
  CudaSharedMemoryStatusResponse: "1 regions map<string,RegionStatus>",
  "CudaSharedMemoryStatusResponse.RegionStatus": "1 name string; 2 device_id uint64; 3 byte_size uint64",
  CudaSharedMemoryRegisterRequest: "1 name string; 2 raw_handle bytes; 3 device_id int64; 4 byte_size uint64",
  CudaSharedMemoryRegisterResponse: "",
  CudaSharedMemoryUnregisterRequest: "1 name string",
  CudaSharedMemoryUnregisterResponse: "",
  TraceSettingRequest: "1 settings map<string,SettingValue>; 2 model_name string",
  "TraceSettingRequest.SettingValue": "1 value string*",
  TraceSettingResponse: "1 settings map<string,SettingValue>",
  "TraceSettingResponse.SettingValue": "1 value string*",
  LogSettingsRequest: "1 settings map<string,SettingValue>",
  "LogSettingsRequest.SettingValue": "1 bool_param bool|; 2 uint32_param uint32|; 3 string_param string|",
  LogSettingsResponse: "1 settings map<string,SettingValue>",
  "LogSettingsResponse.SettingValue": "1 bool_param bool|; 2 uint32_param uint32|; 3 string_param string|",
  ModelConfig:
    "1 name string; 2 platform string; 17 backend string; 25 runtime string; 3 version_policy ModelVersionPolicy; 4 max_batch_size int32; 5 input ModelInput*; 6 output ModelOutput*; 20 batch_input BatchInput*; 21 batch_output BatchOutput*; 12 optimization ModelOptimizationPolicy; 11 dynamic_batching ModelDynamicBatching|; 13 sequence_batching ModelSequenceBatching|; 15 ensemble_scheduling ModelEnsembling|; 7 instance_group ModelInstanceGroup*; 8 default_model_filename string; 9 cc_model_filenames map<string,string>; 10 metric_tags map<string,string>; 14 parameters map<string,ModelParameter>; 16 model_warmup ModelWarmup*; 18 model_operations ModelOperations; 19 model_transaction_policy ModelTransactionPolicy; 23 model_repository_agents ModelRepositoryAgents; 24 response_cache ModelResponseCache; 26 model_metrics ModelMetrics",
  ModelInput:
    "1 name string; 2 data_type DataType; 3 format Format; 4 dims int64*; 5 reshape ModelTensorReshape; 6 is_shape_tensor bool; 7 allow_ragged_batch bool; 8 optional bool; 9 is_non_linear_format_io bool",
  ModelOutput:
    "1 name string; 2 data_type DataType; 3 dims int64*; 5 reshape ModelTensorReshape; 4 label_filename string; 6 is_shape_tensor bool; 7 is_non_linear_format_io bool",
  ModelTensorReshape: "1 shape int64*",
  ModelVersionPolicy: "1 latest Latest|; 2 all All|; 3 specific Specific|",
  "ModelVersionPolicy.Latest": "1 num_versions uint32",
  "ModelVersionPolicy.All": "",
  "ModelVersionPolicy.Specific": "1 versions int64*",
  ModelDynamicBatching:
    "1 preferred_batch_size int32*; 2 max_queue_delay_microseconds uint64; 3 preserve_ordering bool; 4 priority_levels uint64; 5 default_priority_level uint64; 6 default_queue_policy ModelQueuePolicy; 7 priority_queue_policy map<uint64,ModelQueuePolicy>",
  ModelQueuePolicy:
    "1 timeout_action TimeoutAction; 2 default_timeout_microseconds uint64; 3 allow_timeout_override bool; 4 max_queue_size uint32",
  ModelSequenceBatching:
    "3 direct StrategyDirect|; 4 oldest StrategyOldest|; 1 max_sequence_idle_microseconds uint64; 2 control_input ControlInput*; 5 state State*; 6 iterative_sequence bool",
  "ModelSequenceBatching.StrategyDirect":
    "1 max_queue_delay_microseconds uint64; 2 minimum_slot_utilization float",
  "ModelSequenceBatching.StrategyOldest":
    "1 max_candidate_sequences int32; 2 preferred_batch_size int32*; 3 max_queue_delay_microseconds uint64; 4 preserve_ordering bool",
  "ModelSequenceBatching.ControlInput": "1 name string; 2 control Control*",
  "ModelSequenceBatching.Control":
    "1 kind Kind; 2 int32_false_true int32*; 3 fp32_false_true float*; 5 bool_false_true bool*; 4 data_type DataType",
  "ModelSequenceBatching.State":
    "1 input_name string; 2 output_name string; 3 data_type DataType; 4 dims int64*; 5 initial_state InitialState*; 6 use_same_buffer_for_input_output bool; 7 use_growable_memory bool",
  "ModelSequenceBatching.InitialState":
    "1 data_type DataType; 2 dims int64*; 3 zero_data bool|; 4 data_file string|; 5 name string",
  ModelEnsembling: "1 step Step*; 2 max_inflight_requests uint32",
  "ModelEnsembling.Step":
    "1 model_name string; 2 model_version int64; 3 input_map map<string,string>; 4 output_map map<string,string>; 5 model_namespace string",
  ModelInstanceGroup:
    "1 name string; 4 kind Kind; 2 count int32; 6 rate_limiter ModelRateLimiter; 3 gpus int32*; 8 secondary_devices SecondaryDevice*; 5 profile string*; 7 passive bool; 9 host_policy string",
  ModelRateLimiter: "1 resources Resource*; 2 priority uint32",
  "ModelRateLimiter.Resource": "1 name string; 2 global bool; 3 count uint32",
  ModelOptimizationPolicy:
    "1 graph Graph; 2 priority ModelPriority; 3 cuda Cuda; 4 execution_accelerators ExecutionAccelerators; 5 input_pinned_memory PinnedMemoryBuffer; 6 output_pinned_memory PinnedMemoryBuffer; 7 gather_kernel_buffer_threshold uint32; 8 eager_batching bool",
  "ModelOptimizationPolicy.Graph": "1 level int32",
  "ModelOptimizationPolicy.PinnedMemoryBuffer": "1 enable bool",
  "ModelOptimizationPolicy.Cuda":
    "1 graphs bool; 2 busy_wait_events bool; 3 graph_spec GraphSpec*; 4 output_copy_stream bool",
  "ModelOptimizationPolicy.Cuda.GraphSpec":
    "1 batch_size int32; 2 input map<string,Shape>; 3 graph_lower_bound LowerBound",
  "ModelOptimizationPolicy.Cuda.GraphSpec.Shape": "1 dim int64*",
  "ModelOptimizationPolicy.Cuda.GraphSpec.LowerBound": "1 batch_size int32; 2 input map<string,Shape>",
  "ModelOptimizationPolicy.ExecutionAccelerators":
    "1 gpu_execution_accelerator Accelerator*; 2 cpu_execution_accelerator Accelerator*",
  "ModelOptimizationPolicy.ExecutionAccelerators.Accelerator":
    "1 name string; 2 parameters map<string,string>",
  BatchInput: "1 kind Kind; 2 target_name string*; 3 data_type DataType; 4 source_input string*",
  BatchOutput: "1 target_name string*; 2 kind Kind; 3 source_input string*",
  ModelWarmup: "1 name string; 2 batch_size uint32; 3 inputs map<string,Input>; 4 count uint32",
  "ModelWarmup.Input":
    "1 data_type DataType; 2 dims int64*; 3 zero_data bool|; 4 random_data bool|; 5 input_data_file string|",
  ModelParameter: "1 string_value string",
  ModelOperations: "1 op_library_filename string*",
  ModelTransactionPolicy: "1 decoupled bool",
  ModelResponseCache: "1 enable bool",
  ModelRepositoryAgents: "1 agents Agent*",
  "ModelRepositoryAgents.Agent": "1 name string; 2 parameters map<string,string>",
  ModelMetrics: "1 metric_control MetricControl*",
  "ModelMetrics.MetricControl": "1 metric_identifier MetricIdentifier; 2 histogram_options HistogramOptions|",
  "ModelMetrics.MetricControl.MetricIdentifier": "1 family string",
  "ModelMetrics.MetricControl.HistogramOptions": "1 buckets double*",
};

/** Sub-messages whose fields are not dumped. */
const unlisted = ["ModelInstanceGroup.SecondaryDevice"];

const enums: Readonly<Record<string, readonly string[]>> = {
  "ModelInput.Format": ["FORMAT_NONE", "FORMAT_NHWC", "FORMAT_NCHW"],
  "ModelQueuePolicy.TimeoutAction": ["REJECT", "DELAY"],
  "ModelSequenceBatching.Control.Kind": [
    "CONTROL_SEQUENCE_START",
    "CONTROL_SEQUENCE_READY",
    "CONTROL_SEQUENCE_END",
    "CONTROL_SEQUENCE_CORRID",
  ],
  "ModelInstanceGroup.Kind": ["KIND_AUTO", "KIND_GPU", "KIND_CPU", "KIND_MODEL"],
  "ModelOptimizationPolicy.ModelPriority": ["PRIORITY_DEFAULT", "PRIORITY_MAX", "PRIORITY_MIN"],
};

const dataTypes =
  "INVALID BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 FP32 FP64 STRING BF16".split(" ");

const unary =
  "ServerLive ServerReady ModelReady ServerMetadata ModelMetadata ModelInfer ModelConfig ModelStatistics RepositoryIndex RepositoryModelLoad RepositoryModelUnload SystemSharedMemoryStatus SystemSharedMemoryRegister SystemSharedMemoryUnregister CudaSharedMemoryStatus CudaSharedMemoryRegister CudaSharedMemoryUnregister TraceSetting LogSettings".split(
    " ",
  );

const orca =
  "1 cpu_utilization double; 2 mem_utilization double; 3 rps uint64; 4 request_cost map<string,double>; 5 utilization map<string,double>; 6 rps_fractional double; 7 eps double; 8 named_metrics map<string,double>; 9 application_utilization double";

function withNested(message: DescMessage): DescMessage[] {
  return [message, ...message.nestedMessages.flatMap(withNested)];
}

function scalarName(scalar: ScalarType): string {
  return ScalarType[scalar].toLowerCase();
}

function typeOf(field: DescField): string {
  switch (field.fieldKind) {
    case "scalar":
      return scalarName(field.scalar);
    case "message":
      return field.message.name;
    case "enum":
      return field.enum.name;
    case "list":
      return `${field.listKind === "scalar" ? scalarName(field.scalar) : (field.message ?? field.enum).name}*`;
    case "map": {
      const value =
        field.mapKind === "scalar" ? scalarName(field.scalar) : (field.message ?? field.enum).name;
      return `map<${scalarName(field.mapKey)},${value}>`;
    }
  }
}

function written(message: DescMessage): string[] {
  return message.fields
    .map((field) => `${field.number} ${field.name} ${typeOf(field)}${field.oneof === undefined ? "" : "|"}`)
    .sort();
}

function listed(text: string): string[] {
  return text === "" ? [] : text.split("; ").sort();
}

const all = [...file_inference_grpc_service.messages, ...file_inference_model_config.messages].flatMap(
  withNested,
);
const shortName = (typeName: string): string => typeName.slice("inference.".length);

describe("the Open Inference Protocol as compiled", () => {
  it.each(Object.keys(messages))("has %s as the protocol has it", (name) => {
    const message = all.find((m) => shortName(m.typeName) === name);
    expect(message && written(message)).toEqual(listed(messages[name] ?? ""));
  });

  it("has no message that the protocol lacks", () => {
    const known = new Set([...Object.keys(messages), ...unlisted]);
    expect(all.map((m) => shortName(m.typeName)).filter((name) => !known.has(name))).toEqual([]);
  });

  it.each(Object.entries(enums))("numbers %s from 0 in order", (name, values) => {
    const found = all.flatMap((m) => m.nestedEnums).find((e) => shortName(e.typeName) === name);
    expect(found?.values.map((v) => [v.name, v.number])).toEqual(values.map((value, i) => [value, i]));
  });

  it("numbers the datatypes", () => {
    expect(dataTypes.map((_name, i) => DataType[i])).toEqual(dataTypes.map((name) => `TYPE_${name}`));
    expect(DataTypeSchema.values).toHaveLength(dataTypes.length);
  });

  it("has all twenty calls, of which one streams both ways", () => {
    const calls = GRPCInferenceService.methods.map((m) => [
      m.name,
      m.methodKind,
      m.input.name,
      m.output.name,
    ]);
    const expected = unary.map((name) => [name, "unary", `${name}Request`, `${name}Response`]);
    expected.push(["ModelStreamInfer", "bidi_streaming", "ModelInferRequest", "ModelStreamInferResponse"]);
    expect(calls).toHaveLength(20);
    expect(calls.sort()).toEqual(expected.sort());
  });
});

describe("OrcaLoadReport as compiled", () => {
  it("is as gRPC has it", () => {
    const [report] = file_xds_data_orca_v3_orca_load_report.messages;
    expect(report && written(report)).toEqual(listed(orca));
  });
});
