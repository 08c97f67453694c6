// What the add-on's exports share: the arguments of calls that are made per request, and what they answer with.
#pragma once

#include <napi.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "node_api/wire_handle.h"

namespace wire {

constexpr size_t kArgumentsMax = 7;
// Bytes of this size and above are held where they lie when they cross the border, in either direction; smaller ones are copied:
// that costs less than a reference.
constexpr size_t kHeldBytesMin = 64 * 1024;

// The arguments of a raw call; the first is the handle.
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = kArgumentsMax;
    napi_get_cb_info(env, info, &count, values_, nullptr, nullptr);
  }

  WireHandle& wire() const {
    void* found = nullptr;
    napi_get_value_external(env_, values_[0], &found);
    return **static_cast<std::shared_ptr<WireHandle>*>(found);
  }
  int32_t integer(size_t at) const {
    int32_t value = 0;
    napi_get_value_int32(env_, values_[at], &value);
    return value;
  }
  double number(size_t at) const {
    double value = 0;
    napi_get_value_double(env_, values_[at], &value);
    return value;
  }
  bool isNumber(size_t at) const {
    napi_valuetype type = napi_undefined;
    return napi_typeof(env_, values_[at], &type) == napi_ok && type == napi_number;
  }
  bool truth(size_t at) const {
    bool value = false;
    napi_get_value_bool(env_, values_[at], &value);
    return value;
  }
  // Copied, or held until they were sent where there are many. Empty when it is no Uint8Array.
  Piece bytes(size_t at) const { return bytesOf(values_[at]); }
  // Of a Uint8Array, or of an array of them one after another.
  std::vector<Piece> parts(size_t at) const {
    uint32_t count = 0;
    if (napi_get_array_length(env_, values_[at], &count) != napi_ok) return {bytes(at)};
    std::vector<Piece> parts;
    parts.reserve(count);
    for (uint32_t i = 0; i < count; i++) {
      napi_value part = nullptr;
      if (napi_get_element(env_, values_[at], i, &part) == napi_ok) parts.push_back(bytesOf(part));
    }
    return parts;
  }
  static Piece copyOf(const void* data, size_t length) {
    Piece piece = Piece::whole(BufferRef::make(length));
    if (length > 0) std::memcpy(piece.owner.data(), data, length);
    return piece;
  }
  std::string text(size_t at) const {
    size_t length = 0;
    if (napi_get_value_string_utf8(env_, values_[at], nullptr, 0, &length) != napi_ok || length == 0) return {};
    std::string text(length, '\0');
    napi_get_value_string_utf8(env_, values_[at], text.data(), length + 1, &length);
    return text;
  }

 private:
  Piece bytesOf(napi_value value) const {
    void* data = nullptr;
    size_t length = 0;
    napi_typedarray_type type;
    if (napi_get_typedarray_info(env_, value, &type, &length, &data, nullptr, nullptr) != napi_ok) return {};
    if (type != napi_uint8_array) return {};
    return length < kHeldBytesMin ? copyOf(data, length) : heldOf(value, data, length);
  }
  Piece heldOf(napi_value value, void* data, size_t length) const {
    struct Loan {
      napi_env env;
      napi_ref array;
    };
    napi_ref array = nullptr;
    if (napi_create_reference(env_, value, 1, &array) != napi_ok) return copyOf(data, length);
    const auto giveBack = [](void* lender) {
      const std::unique_ptr<Loan> loan(static_cast<Loan*>(lender));
      napi_delete_reference(loan->env, loan->array);
    };
    return Piece::whole(BufferRef::lend(static_cast<uint8_t*>(data), length, giveBack, new Loan{env_, array}));
  }

  napi_env env_;
  napi_value values_[kArgumentsMax] = {};
};

inline napi_value toBuffer(napi_env env, const void* data, size_t size) {
  napi_value buffer = nullptr;
  void* to = nullptr;
  napi_create_buffer(env, size, &to, &buffer);
  if (to != nullptr && size > 0) std::memcpy(to, data, size);
  return buffer;
}

// A Buffer over the piece's own memory where there is much of it and the host allows that; otherwise a copy.
inline napi_value toBuffer(napi_env env, const Piece& piece) {
  if (piece.size < kHeldBytesMin) return toBuffer(env, piece.data, piece.size);
  napi_value buffer = nullptr;
  auto* held = new BufferRef(piece.owner);
  const auto letGo = [](napi_env, void*, void* hint) { delete static_cast<BufferRef*>(hint); };
  if (napi_create_external_buffer(env, piece.size, const_cast<uint8_t*>(piece.data), letGo, held, &buffer) == napi_ok) return buffer;
  delete held;
  return toBuffer(env, piece.data, piece.size);
}

inline napi_value toBoolean(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

inline napi_value textOf(napi_env env, std::string_view text) {
  napi_value value = nullptr;
  napi_create_string_latin1(env, text.data(), text.size(), &value);
  return value;
}

inline WireHandle& wireOf(const Napi::CallbackInfo& info) {
  return **info[0].As<Napi::External<std::shared_ptr<WireHandle>>>().Data();
}

inline void setRaw(Napi::Env env, Napi::Object exports, const char* name, napi_callback callback) {
  napi_value function = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  exports.Set(name, Napi::Value(env, function));
}

// Each adds its own exports.
void exportAdmission(Napi::Env env, Napi::Object exports);
void exportLinks(Napi::Env env, Napi::Object exports);

}  // namespace wire
