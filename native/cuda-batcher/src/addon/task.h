// Work off the JS thread.
#pragma once

#include <napi.h>

#include <functional>
#include <string>

namespace cb {

// Runs `work` off the JS thread and settles a promise: the one way here to do either.
class Task : public Napi::AsyncWorker {
 public:
  using Work = std::function<void(std::string& error)>;
  using Answer = std::function<Napi::Value(Napi::Env)>;

  static Napi::Value start(Napi::Env env, Work work, Answer answer) {
    auto* task = new Task(env, std::move(work), std::move(answer));
    task->Queue();
    return task->deferred_.Promise();
  }

 protected:
  void Execute() override {
    std::string error;
    work_(error);
    if (!error.empty()) SetError(error);
  }
  void OnOK() override {
    try {
      deferred_.Resolve(answer_(Env()));
    } catch (const Napi::Error& error) {
      deferred_.Reject(error.Value());
    }
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Task(Napi::Env env, Work work, Answer answer)
      : AsyncWorker(env), deferred_(env), work_(std::move(work)), answer_(std::move(answer)) {}

  Napi::Promise::Deferred deferred_;
  Work work_;
  Answer answer_;
};

}  // namespace cb
