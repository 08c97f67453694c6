// Who may open a link: a frontend that presents one of the secrets that members share, before anything else.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace cb::link {

class Secrets {
 public:
  // What is accepted from now on; links that stand live on. Nothing: everybody may come, and need not present anything.
  void set(std::optional<std::vector<std::string>> accepted) {
    std::lock_guard<std::mutex> lock(mutex_);
    accepted_ = std::move(accepted);
  }

  bool asked() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return accepted_.has_value();
  }

  // Takes the same time wherever what is presented differs from what is accepted.
  bool knows(const uint8_t* presented, size_t count) const {
    std::lock_guard<std::mutex> lock(mutex_);
    bool known = !accepted_.has_value();
    if (known) return true;
    for (const std::string& secret : *accepted_) {
      if (secret.size() != count) continue;
      uint8_t difference = 0;
      for (size_t i = 0; i < count; i++) difference |= static_cast<uint8_t>(static_cast<uint8_t>(secret[i]) ^ presented[i]);
      known = known || difference == 0;
    }
    return known;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<std::vector<std::string>> accepted_;
};

}  // namespace cb::link
