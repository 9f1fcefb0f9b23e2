// SPDX-License-Identifier: Apache-2.0
#include "train/agreement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/digest.hpp"
#include "parallel/collectives.hpp"

namespace convoy {
namespace {

struct FactKind {
  const char* what;
  Fault fault;
  const char* remedy;
};

// In the order of texts_of(). Messages name the first difference, because it may explain the
// others.
constexpr std::array<FactKind, 7> kKinds{{
    {"the version of Convoy", Fault::usage, "install one version on all machines"},
    {"the order of additions", Fault::usage, "install one version of Convoy on all machines"},
    {"the model", Fault::usage, "give every rank the same model and settings"},
    {"the choice of data", Fault::usage, "give every rank the same options"},
    {"the layout", Fault::usage, "give every rank the same options"},
    {"the training data", Fault::bad_data, "give every host the same files"},
    {"the test data", Fault::bad_data, "give every host the same files"},
}};

std::vector<std::string> texts_of(const RunFacts& facts) {
  return {facts.version,    std::to_string(facts.order_version),
          facts.model,      facts.data,
          facts.layout,     facts.train_sha256,
          facts.test_sha256};
}

// The ranks whose value differs from the most frequent one. Of equally frequent values, that of the
// lowest rank counts.
struct Minority {
  std::size_t reference = 0;  // the first rank of the majority
  std::vector<std::size_t> ranks;
};

Minority minority_of(std::span<const std::string> values) {
  Minority minority;
  std::ptrdiff_t most = 0;
  for (std::size_t rank = 0; rank < values.size(); ++rank) {
    if (const auto same = std::ranges::count(values, values[rank]); same > most) {
      most = same;
      minority.reference = rank;
    }
  }
  for (std::size_t rank = 0; rank < values.size(); ++rank) {
    if (values[rank] != values[minority.reference]) minority.ranks.push_back(rank);
  }
  return minority;
}

// "rank 3", "ranks 1 and 3", "ranks 1, 2 and 5"; a long list is cut.
std::string in_words(std::span<const std::size_t> ranks) {
  constexpr std::size_t kMost = 8;
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  const std::size_t shown = std::min(kMost, ranks.size());
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) text += i + 1 == ranks.size() ? " and " : ", ";
    text += std::to_string(ranks[i]);
  }
  const std::size_t more = ranks.size() - shown;
  if (more > 0) text += fmt::format(" and {} other{}", more, more == 1 ? "" : "s");
  return text;
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// The first line in which two texts differ.
std::string difference(std::string_view mine, std::string_view other) {
  std::string_view a, b;
  do {
    a = take_line(mine);
    b = take_line(other);
  } while (a == b && !(mine.empty() && other.empty()));
  if (a == b) return "the end of its last line";
  const auto shown = [](std::string_view line) {
    return line.empty() ? std::string("nothing") : fmt::format("'{}'", line);
  };
  return fmt::format("{}, not {}", shown(a), shown(b));
}

[[noreturn]] void refuse(const FactKind& kind, const Minority& minority,
                         std::span<const std::string> values) {
  const std::string& theirs = values[minority.ranks.front()];
  const std::string& right = values[minority.reference];
  const bool digests = kind.fault == Fault::bad_data;
  const std::string why =
      digests ? fmt::format("SHA-256 {}, not {}", theirs, right) : difference(theirs, right);
  throw SharedError(UserError(
      kind.fault,
      fmt::format("{} {} from rank {} in {}", in_words(minority.ranks),
                  minority.ranks.size() == 1 ? "differs" : "differ", minority.reference, kind.what),
      why, kind.remedy));
}

}  // namespace

void agree(Communicator& communicator, const RunFacts& facts) {
  if (communicator.size() == 1) return;
  const std::string mine = pack(texts_of(facts));
  const std::string digest = sha256(std::as_bytes(std::span(mine)));
  if (minority_of(all_gather(communicator, digest, SyncPoint::start)).ranks.empty()) return;

  std::vector<std::vector<std::string>> of_rank;
  for (const std::string& packed : all_gather(communicator, mine, SyncPoint::start)) {
    of_rank.push_back(unpack(packed));
    of_rank.back().resize(kKinds.size());  // another version may know other facts
  }
  for (std::size_t fact = 0; fact < kKinds.size(); ++fact) {
    std::vector<std::string> values;
    values.reserve(of_rank.size());
    for (const auto& texts : of_rank) values.push_back(texts[fact]);
    if (const Minority minority = minority_of(values); !minority.ranks.empty())
      refuse(kKinds[fact], minority, values);
  }
}

void verify_weights(Communicator& communicator, std::string_view digest, Index step) {
  if (communicator.size() == 1) return;
  const auto all = all_gather(communicator, fmt::format("{} after step {}", digest, step),
                              SyncPoint::verification);
  const Minority minority = minority_of(all);
  if (minority.ranks.empty()) return;
  throw SharedError(SystemError(
      Fault::peer, "comparing weights", in_words(minority.ranks),
      fmt::format("SHA-256 {}, not {} as on rank {}: the steps since the last checkpoint cannot be "
                  "trusted; check that machine's memory, then resume",
                  all[minority.ranks.front()], all[minority.reference], minority.reference)));
}

}  // namespace convoy
