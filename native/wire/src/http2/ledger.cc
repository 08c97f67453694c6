#include "http2/ledger.h"

#include <algorithm>
#include <utility>

namespace wire {

void Ledger::Share::hold(size_t bytes) {
  heldBytes += bytes;
  account->heldBytes += bytes;
  account->all += bytes;
}

void Ledger::Share::letGo(size_t bytes) {
  heldBytes -= bytes;
  account->heldBytes -= bytes;
  account->all -= bytes;
}

std::shared_ptr<Ledger::Share> Ledger::open(const std::string& tenant) {
  if (accounts_.size() >= sweepAt_) {
    for (auto at = accounts_.begin(); at != accounts_.end();) at = at->second.expired() ? accounts_.erase(at) : ++at;
    sweepAt_ = 2 * std::max(accounts_.size(), kForgottenMin);
  }
  std::weak_ptr<Account>& known = accounts_[tenant];
  std::shared_ptr<Account> account = known.lock();
  if (account == nullptr) known = account = std::make_shared<Account>(total_);
  return std::make_shared<Share>(std::move(account));
}

size_t Ledger::room(const Share& share) const {
  const size_t used = total_ + share.account->heldBytes + share.heldBytes;
  return used >= maxBytes_ ? 0 : maxBytes_ - used;
}

}  // namespace wire
