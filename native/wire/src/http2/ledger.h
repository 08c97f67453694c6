// Bytes that a server holds for its callers: what has come and was not taken, and what waits to be read, each
// with its overhead. Everything that holds some lives on one thread.
#pragma once

#include <algorithm>
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
    size_t workBytes = 0;  // of that, requests that came whole and wait for nothing but an answer
  };

  // What one connection holds; kept by whatever of it is held still.
  struct Share {
    explicit Share(std::shared_ptr<Account> tenant) : account(std::move(tenant)) {}
    std::shared_ptr<Account> account;
    size_t heldBytes = 0;

    void hold(size_t bytes);
    void letGo(size_t bytes);
  };

  explicit Ledger(size_t maxBytes) : maxBytes_(maxBytes), marginBytes_(std::min(kTurnBytes, maxBytes / kMarginsMin)) {}
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  std::shared_ptr<Share> open(const std::string& tenant);
  // Dynamic thresholds: a tenant may hold as much as is left free by all, and each of its connections as much
  // as is left of that. One connection alone gets a third, and whoever comes finds room.
  size_t room(const Share& share) const;
  // Whether so much is held that nothing more is read of the connection until some of the tenant's work is answered,
  // which is the server's own to do, so it ends. One that holds little is read on while there is room.
  bool isOver(const Share& share) const {
    return room(share) <= marginBytes_ && share.heldBytes > marginBytes_ && share.account->workBytes > 0;
  }
  size_t heldBytes() const { return total_; }
  size_t maxBytes() const { return maxBytes_; }

 private:
  // What may come in one turn of a connection that is read is left free, and no more than a small part of all.
  static constexpr size_t kTurnBytes = size_t{2} << 20;
  static constexpr size_t kMarginsMin = 64;
  // Tenants without a share are forgotten once there are so many more than with one.
  static constexpr size_t kForgottenMin = 64;

  const size_t maxBytes_;
  const size_t marginBytes_;
  size_t total_ = 0;
  size_t sweepAt_ = kForgottenMin;
  std::unordered_map<std::string, std::weak_ptr<Account>> accounts_;
};

}  // namespace wire
