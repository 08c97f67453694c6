// Bytes that a server holds for its callers: what has come and was not taken, and what waits to be read, each
// with its overhead. Everything that holds some lives on one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace wire {

class Ledger {
 public:
  // What one tenant holds, on all its connections.
  struct Account {
    explicit Account(size_t& held) : all(held) {}
    size_t& all;
    size_t heldBytes = 0;
  };

  // What one connection holds; kept by whatever of it is held still.
  struct Share {
    explicit Share(std::shared_ptr<Account> tenant) : account(std::move(tenant)) {}
    std::shared_ptr<Account> account;
    size_t heldBytes = 0;

    void hold(size_t bytes);
    void letGo(size_t bytes);
  };

  explicit Ledger(size_t maxBytes) : maxBytes_(maxBytes) {}
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  std::shared_ptr<Share> open(const std::string& tenant);
  // Dynamic thresholds: a tenant may hold as much as is left free by all, and each of its connections as much
  // as is left of that. One connection alone gets a third, and whoever comes finds room.
  size_t room(const Share& share) const;
  size_t heldBytes() const { return total_; }
  size_t maxBytes() const { return maxBytes_; }

 private:
  // Tenants without a share are forgotten once there are so many more than with one.
  static constexpr size_t kForgottenMin = 64;

  const size_t maxBytes_;
  size_t total_ = 0;
  size_t sweepAt_ = kForgottenMin;
  std::unordered_map<std::string, std::weak_ptr<Account>> accounts_;
};

}  // namespace wire
