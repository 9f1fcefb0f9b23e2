// SPDX-License-Identifier: Apache-2.0
#include "parallel/collectives.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>
#include <utility>

namespace convoy {
namespace {

// The first message: a size and, where they fit, the bytes themselves. So a digest needs one
// exchange, and a rank that receives more knows how much.
struct Head {
  std::uint64_t size = 0;
  std::array<char, 120> bytes{};

  Head() = default;
  explicit Head(std::string_view text) : size(text.size()) {
    std::copy_n(text.data(), std::min(text.size(), bytes.size()), bytes.data());
  }
  bool is_all() const { return size <= bytes.size(); }
  // The bytes, or a text of that size where they did not fit.
  std::string text() const {
    return is_all() ? std::string(bytes.data(), size) : std::string(size, '\0');
  }
};

std::span<const std::byte> bytes_of(const Head& head) {
  return std::as_bytes(std::span(&head, 1));
}
std::span<std::byte> bytes_of(Head& head) {
  return std::as_writable_bytes(std::span(&head, 1));
}
std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}
std::span<std::byte> bytes_of(std::string& text) {
  return std::as_writable_bytes(std::span(text));
}

std::size_t index(int rank) {
  return static_cast<std::size_t>(rank);
}

// Sends from rank 0 to all; each round doubles the number of ranks that have the bytes.
void send_down(Communicator& communicator, std::span<std::byte> bytes, SyncPoint sync_point) {
  const int rank = communicator.rank(), size = communicator.size();
  for (auto hop = static_cast<int>(std::bit_ceil(index(size))) / 2; hop > 0; hop /= 2) {
    const int position = rank % (2 * hop);
    const Outgoing out{rank + hop, bytes};
    const Incoming in{rank - hop, bytes};
    const bool sends = position == 0 && rank + hop < size, receives = position == hop;
    communicator.exchange({&out, sends ? 1U : 0U}, {&in, receives ? 1U : 0U}, sync_point);
  }
}

// The outcome of `work`: an error's fault and message, or "" and the result.
using Outcome = std::array<std::string, 2>;

Outcome failed(Fault fault, std::string_view message) {
  return {std::to_string(static_cast<int>(fault)), std::string(message)};
}

Outcome run(const std::function<std::string()>& work) {
  try {
    return {std::string(), work()};
  } catch (const Error& error) {
    return failed(error.fault(), error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return failed(Fault::io, error.what());
  } catch (const std::bad_alloc&) {
    return failed(Fault::unavailable, "rank 0 is out of memory");
  } catch (const std::exception& error) {
    return failed(Fault::internal, error.what());
  }
}

}  // namespace

std::vector<std::string> all_gather(Communicator& communicator, std::string_view mine,
                                    SyncPoint sync_point) {
  const int rank = communicator.rank(), size = communicator.size();
  if (size == 1) return {std::string(mine)};
  std::vector<Head> heads(index(size));
  heads[index(rank)] = Head(mine);
  const Head& my_head = heads[index(rank)];
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  const auto others = [&](const auto& act) {  // each begins with its neighbour, not all with rank 0
    for (int i = 1; i < size; ++i) act((rank + i) % size);
  };
  others([&](int other) {
    out.push_back({other, bytes_of(my_head)});
    in.push_back({other, bytes_of(heads[index(other)])});
  });
  communicator.exchange(out, in, sync_point);

  std::vector<std::string> all;
  for (const Head& head : heads) all.push_back(head.text());
  if (std::ranges::all_of(heads, &Head::is_all)) return all;
  out.clear();
  in.clear();
  others([&](int other) {
    if (!my_head.is_all()) out.push_back({other, bytes_of(mine)});
    if (!heads[index(other)].is_all()) in.push_back({other, bytes_of(all[index(other)])});
  });
  communicator.exchange(out, in, sync_point);
  all[index(rank)] = mine;
  return all;
}

std::vector<std::string> gather(Communicator& communicator, std::string_view mine,
                                SyncPoint sync_point) {
  const int rank = communicator.rank(), size = communicator.size();
  if (size == 1) return {std::string(mine)};
  std::vector<Head> heads(index(size));
  heads[index(rank)] = Head(mine);
  if (rank > 0) {
    const Head& head = heads[index(rank)];
    const Outgoing first{0, bytes_of(head)}, rest{0, bytes_of(mine)};
    communicator.exchange({&first, 1}, {}, sync_point);
    communicator.exchange({&rest, head.is_all() ? 0U : 1U}, {}, sync_point);
    return {};
  }
  std::vector<Incoming> in;
  for (int r = 1; r < size; ++r) in.push_back({r, bytes_of(heads[index(r)])});
  communicator.exchange({}, in, sync_point);
  std::vector<std::string> all{std::string(mine)};
  for (int r = 1; r < size; ++r) all.push_back(heads[index(r)].text());
  in.clear();
  for (int r = 1; r < size; ++r) {
    if (!heads[index(r)].is_all()) in.push_back({r, bytes_of(all[index(r)])});
  }
  communicator.exchange({}, in, sync_point);
  return all;
}

std::string broadcast(Communicator& communicator, std::string_view of_first_rank,
                      SyncPoint sync_point) {
  if (communicator.size() == 1) return std::string(of_first_rank);
  Head head(communicator.rank() == 0 ? of_first_rank : std::string_view());
  send_down(communicator, bytes_of(head), sync_point);
  if (head.is_all()) return head.text();
  std::string all = communicator.rank() == 0 ? std::string(of_first_rank) : head.text();
  send_down(communicator, bytes_of(all), sync_point);
  return all;
}

std::string on_first_rank(Communicator& communicator, const std::function<std::string()>& work,
                          SyncPoint sync_point) {
  if (communicator.size() == 1) return work();
  const Outcome outcome = communicator.rank() == 0 ? run(work) : Outcome();
  auto told = unpack(broadcast(communicator, pack(outcome), sync_point));
  if (!told.at(0).empty()) throw SharedError(static_cast<Fault>(std::stoi(told[0])), told.at(1));
  return std::move(told.at(1));
}

void gather_parts(Communicator& communicator, std::span<std::byte> whole,
                  std::span<const Range> parts, SyncPoint sync_point) {
  const int rank = communicator.rank(), size = communicator.size();
  CONVOY_ASSERT(parts.size() == index(size));
  if (size == 1) return;
  const auto part_of = [&](int r) {
    const Range& part = parts[index(r)];
    CONVOY_ASSERT(part.empty() ||
                  (part.begin >= 0 && part.end <= static_cast<Index>(whole.size())));
    return part.empty() ? std::span<std::byte>()
                        : whole.subspan(static_cast<std::size_t>(part.begin),
                                        static_cast<std::size_t>(part.size()));
  };
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  out.reserve(parts.size());
  in.reserve(parts.size());
  const std::span<std::byte> mine = part_of(rank);
  for (int i = 1; i < size; ++i) {
    const int to = (rank + i) % size, from = (rank + size - i) % size;
    if (!mine.empty()) out.push_back({to, mine});
    if (const std::span<std::byte> part = part_of(from); !part.empty()) in.push_back({from, part});
  }
  communicator.exchange(out, in, sync_point);
}

// Each text is written as its size in decimal, a colon and its bytes.
std::string pack(std::span<const std::string> texts) {
  std::string packed;
  for (const std::string& text : texts) {
    packed += std::to_string(text.size());
    packed += ':';
    packed += text;
  }
  return packed;
}

std::vector<std::string> unpack(std::string_view packed) {
  std::vector<std::string> texts;
  while (!packed.empty()) {
    std::size_t size = 0;
    const char* end = packed.data() + packed.size();
    const auto [colon, error] = std::from_chars(packed.data(), end, size);
    if (error != std::errc() || colon == end || *colon != ':') break;
    packed.remove_prefix(static_cast<std::size_t>(colon + 1 - packed.data()));
    if (size > packed.size()) break;
    texts.emplace_back(packed.substr(0, size));
    packed.remove_prefix(size);
  }
  return texts;
}

}  // namespace convoy
