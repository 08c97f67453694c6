// Who calls, as far as native code has to know: which `authorization` came on which connection, under a number that
// JavaScript knows the caller by, and which methods it was let call. So a token is looked up once, not with every call.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http2/ledger.h"
#include "net/event.h"

namespace wire {

// Values that one connection is remembered by: a gateway that brings more of them is asked about the others each time.
constexpr size_t kCredentialsMax = 8;
// The longest value that is remembered; no longer one is anybody's (tokenCharsMax of runtime/security/tokens.ts).
constexpr size_t kCredentialMaxBytes = 4'096;

// What a call presented. Nothing at all is a credential as well: the connection's address.
struct Presented {
  bool came = false;
  std::string value;

  void clear() {
    came = false;
    value.clear();
  }
};

class Credentials {
 public:
  static constexpr int32_t kNone = -1;
  // The numbers of one connection, the one used last in front.
  using Known = std::vector<int32_t>;

  explicit Credentials(Events& events) : events_(events) {}

  // The number of what was presented on the connection that knows `known`, held until `release`.
  int32_t take(Known& known, const Presented& presented);
  // A number that nobody holds is told as forgotten, and given anew.
  void release(int32_t number);
  // The connection knows it no more, unless it was let call something.
  void disown(Known& known, int32_t number);
  // Releases everything that a connection knew.
  void clear(Known& known);

  bool admits(int32_t number, int32_t method) const;
  void admit(int32_t number, int32_t method);
  // What its caller holds on its connection; null before it was admitted.
  const std::shared_ptr<Ledger::Share>& shareOf(int32_t number) const { return entries_[static_cast<size_t>(number)].share; }
  void own(int32_t number, std::shared_ptr<Ledger::Share> share) { entries_[static_cast<size_t>(number)].share = std::move(share); }
  // What was admitted so far has to be asked again.
  void askAnew() { epoch_++; }
  // Held by anybody.
  size_t count() const { return entries_.size() - free_.size(); }

 private:
  // A method with a higher number is asked about with every call.
  static constexpr size_t kMethodsMax = 256;

  struct Entry {
    bool came = false;
    std::string value;
    size_t holders = 0;
    uint64_t epoch = 0;  // of `admitted`
    std::bitset<kMethodsMax> admitted;
    std::shared_ptr<Ledger::Share> share;
  };

  static bool same(const Entry& entry, const Presented& presented);
  int32_t make();

  Events& events_;
  std::vector<Entry> entries_;
  std::vector<int32_t> free_;
  uint64_t epoch_ = 1;
};

}  // namespace wire
