// JavaScript values to plain structs and back, on the JS thread. The TypeScript face has validated and filled in
// defaults, so every field is there; an absent value is null.
#pragma once

#include <napi.h>

#include <vector>

#include "running/batcher.h"
#include "measuring/feed.h"
#include "measuring/measure.h"
#include "running/model.h"

namespace cb::convert {

ModelOptions modelOptions(const Napi::Object& from);
// Null where the options name no journal.
std::unique_ptr<RunJournal> runJournal(const Napi::Object& from);
// Null where the options name no gate.
std::unique_ptr<CoreClaim> coreClaim(const Napi::Object& from);
BatcherOptions batcherOptions(const Napi::Object& from);
MeasureOptions measureOptions(const Napi::Object& from);
FeedOptions feedOptions(const Napi::Object& from);

std::vector<std::string> texts(const Napi::Value& from);      // array of strings
std::vector<double> doubles(const Napi::Value& from);        // Float64Array; null: empty
std::vector<int32_t> integers(const Napi::Value& from);      // Int32Array; null: empty
Napi::Float64Array toDoubles(Napi::Env env, const std::vector<double>& from);
Napi::Int32Array toIntegers(Napi::Env env, const std::vector<int32_t>& from);

Napi::Object toModel(Napi::Env env, const Model& model);
Napi::Object toCounters(Napi::Env env, const Counters& counters);
Napi::Object toMeasured(Napi::Env env, const Measured& measured);
Napi::Object toFed(Napi::Env env, const Fed& fed);

}  // namespace cb::convert
