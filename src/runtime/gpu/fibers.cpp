// SPDX-License-Identifier: Apache-2.0
#include "runtime/gpu/fibers.hpp"

#include <algorithm>
#include <array>
#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <cstring>
#include <exception>
#include <iterator>
#include <memory>
#include <random>
#include <utility>
#include <vector>

namespace convoy::fibers {
namespace {

namespace context = boost::context;

constexpr unsigned kWarp = 32;
constexpr std::size_t kStackBytes = std::size_t{64} << 10;
// The number of blocks that run at the same time in a grid that is not cooperative.
constexpr unsigned kBlocksAtOnce = 3;

struct Thread;

// A barrier between threads of a grid, a block or a warp.
struct Barrier {
  unsigned left = 0;  // threads that are not done
  std::vector<Thread*> waiting;
  std::string location;
};

// The values that the lanes of a warp give to a shuffle. Two arrays alternate, so that no lane
// overwrites a value that another lane has yet to read.
struct Warp {
  std::array<std::array<std::uint64_t, kWarp>, 2> given{};
  Barrier barrier;
};

struct Block;

// A fiber. It runs one thread of a grid after another.
struct Thread {
  context::fiber fiber;   // where it continues
  context::fiber caller;  // the fiber that resumed it
  unsigned index = 0;
  Block* block = nullptr;
  unsigned shuffles = 0;
  bool done = false;
  std::exception_ptr error;

  Warp& warp() const;
};

struct Block {
  unsigned index = 0;
  Barrier barrier;
  std::vector<Warp> warps;
  std::unique_ptr<double[]> shared;
  std::vector<std::unique_ptr<Thread>> threads;
};

Warp& Thread::warp() const {
  return block->warps[index / kWarp];
}

class Grid {
 public:
  Grid(unsigned blocks, unsigned threads, std::size_t shared_bytes, bool cooperative,
       const std::function<void()>& kernel);
  void run();

  const std::function<void()>& kernel() const { return kernel_; }
  unsigned blocks() const { return blocks_; }
  unsigned threads() const { return threads_; }
  Thread& current() const { return *current_; }

  // The current fiber waits until all threads that are not done have arrived.
  void barrier(Barrier& at, const std::string& location);
  Barrier& all() { return all_; }

 private:
  void start_block();
  void finish(Thread& thread);
  void release_if_all_arrived(Barrier& barrier);
  Thread* next();

  const unsigned blocks_, threads_;
  const std::size_t shared_bytes_;
  const bool cooperative_;
  const std::function<void()>& kernel_;
  const Schedule schedule_;
  std::mt19937_64 random_;
  unsigned started_ = 0;
  unsigned running_ = 0;  // threads that are not done
  Barrier all_;
  std::vector<std::unique_ptr<Block>> here_;
  std::vector<Thread*> ready_;
  std::size_t first_ready_ = 0;  // for Order::forward
  Thread* current_ = nullptr;
};

// The settings of a thread of the host.
struct Settings {
  Schedule schedule;
  Barriers seen;
  std::vector<std::unique_ptr<Thread>> idle;
  Grid* grid = nullptr;
};

Settings& settings() {
  thread_local Settings mine;
  return mine;
}

// Makes a fiber that is used again, since a grid has thousands: it runs the kernel of the grid that
// resumes it.
std::unique_ptr<Thread> make_thread() {
  auto thread = std::make_unique<Thread>();
  thread->fiber = context::fiber(std::allocator_arg, context::fixedsize_stack(kStackBytes),
                                 [me = thread.get()](context::fiber&& caller) {
                                   me->caller = std::move(caller);
                                   for (;;) {
                                     try {
                                       settings().grid->kernel()();
                                     } catch (const FiberError&) {
                                       me->error = std::current_exception();
                                     }
                                     me->done = true;
                                     me->caller = std::move(me->caller).resume();
                                   }
                                   return std::move(me->caller);
                                 });
  return thread;
}

std::unique_ptr<Thread> take_thread() {
  auto& idle = settings().idle;
  if (idle.empty()) return make_thread();
  std::unique_ptr<Thread> thread = std::move(idle.back());
  idle.pop_back();
  return thread;
}

Grid::Grid(unsigned blocks, unsigned threads, std::size_t shared_bytes, bool cooperative,
           const std::function<void()>& kernel)
    : blocks_(blocks),
      threads_(threads),
      shared_bytes_(shared_bytes),
      cooperative_(cooperative),
      kernel_(kernel),
      schedule_(settings().schedule),
      random_(schedule_.seed) {
  all_.left = blocks * threads;
}

void Grid::start_block() {
  auto block = std::make_unique<Block>();
  block->index = started_++;
  block->barrier.left = threads_;
  block->warps.resize((threads_ + kWarp - 1) / kWarp);
  const std::size_t doubles = shared_bytes_ / sizeof(double) + 1;
  block->shared = std::make_unique_for_overwrite<double[]>(doubles);
  std::memset(block->shared.get(), 0xFF, doubles * sizeof(double));  // NaN
  for (unsigned i = 0; i < threads_; ++i) {
    Thread* const thread = block->threads.emplace_back(take_thread()).get();
    thread->index = i;
    thread->block = block.get();
    thread->shuffles = 0;
    thread->done = false;
    ++thread->warp().barrier.left;
    ready_.push_back(thread);
  }
  running_ += threads_;
  here_.push_back(std::move(block));
}

Thread* Grid::next() {
  if (first_ready_ == ready_.size()) return nullptr;
  switch (schedule_.order) {
    case Schedule::Order::forward:
      break;
    case Schedule::Order::backward:
      std::swap(ready_[first_ready_], ready_.back());
      break;
    case Schedule::Order::shuffled:
      std::swap(ready_[first_ready_],
                ready_[first_ready_ + random_() % (ready_.size() - first_ready_)]);
      break;
  }
  if (schedule_.order == Schedule::Order::forward) return ready_[first_ready_++];
  Thread* const thread = ready_[first_ready_];
  ready_[first_ready_] = ready_.back();
  ready_.pop_back();
  return thread;
}

void Grid::release_if_all_arrived(Barrier& barrier) {
  if (barrier.left == 0 || barrier.waiting.size() < barrier.left) return;
  ready_.insert(ready_.end(), barrier.waiting.begin(), barrier.waiting.end());
  barrier.waiting.clear();
}

void Grid::barrier(Barrier& at, const std::string& location) {
  if (at.waiting.empty()) {
    at.location = location;
  } else if (at.location != location) {
    throw FiberError("threads wait for each other at " + at.location + " and at " + location);
  }
  at.waiting.push_back(current_);
  release_if_all_arrived(at);
  Thread& me = *current_;
  me.caller = std::move(me.caller).resume();
}

void Grid::finish(Thread& thread) {
  --running_;
  for (Barrier* barrier : {&thread.warp().barrier, &thread.block->barrier, &all_}) {
    --barrier->left;
    release_if_all_arrived(*barrier);
  }
}

void Grid::run() {
  while (started_ < blocks_ && (cooperative_ || started_ < kBlocksAtOnce)) start_block();
  while (running_ > 0) {
    Thread* const thread = next();
    if (thread == nullptr) {
      throw FiberError("a barrier at which some threads never arrive: " +
                       (all_.waiting.empty() ? here_.front()->barrier : all_).location);
    }
    current_ = thread;
    thread->fiber = std::move(thread->fiber).resume();
    if (!thread->done) continue;
    if (thread->error) std::rethrow_exception(thread->error);
    Block* const block = thread->block;
    finish(*thread);
    if (block->barrier.left > 0) continue;
    auto& idle = settings().idle;
    std::ranges::move(block->threads, std::back_inserter(idle));
    std::erase_if(here_, [&](const auto& b) { return b.get() == block; });
    if (started_ < blocks_) start_block();
  }
}

bool omitted(const std::string& location) {
  return settings().schedule.omitted == location;
}

std::string name_of(const char* file, int line) {
  const std::string path = file;
  return path.substr(path.rfind('/') + 1) + ":" + std::to_string(line);
}

Grid& grid() {
  return *settings().grid;
}

// Sets the grid of the kernels on this thread of the host, as long as this object lives.
class RunningGrid {
 public:
  explicit RunningGrid(Grid& grid) : before_(std::exchange(settings().grid, &grid)) {}
  ~RunningGrid() { settings().grid = before_; }
  RunningGrid(const RunningGrid&) = delete;
  RunningGrid& operator=(const RunningGrid&) = delete;

 private:
  Grid* before_;
};

}  // namespace

Schedule& schedule() {
  return settings().schedule;
}
Barriers& barriers_seen() {
  return settings().seen;
}

void run_grid(unsigned blocks, unsigned threads, std::size_t shared_bytes, bool cooperative,
              const std::function<void()>& kernel) {
  Grid grid(blocks, threads, shared_bytes, cooperative, kernel);
  const RunningGrid running(grid);
  grid.run();
}

Dim thread_index() {
  return {grid().current().index};
}
Dim block_index() {
  return {grid().current().block->index};
}
Dim block_size() {
  return {grid().threads()};
}
Dim grid_size() {
  return {grid().blocks()};
}

void* shared_bytes() {
  return grid().current().block->shared.get();
}

void sync_block(const char* file, int line) {
  const std::string name = name_of(file, line);
  settings().seen.block.insert(name);
  if (!omitted(name)) grid().barrier(grid().current().block->barrier, name);
}

void sync_grid(const char* file, int line) {
  const std::string name = name_of(file, line);
  settings().seen.grid.insert(name);
  if (!omitted(name)) grid().barrier(grid().all(), name);
}

std::uint64_t shuffle(std::uint64_t value, int source, int width) {
  Thread& me = grid().current();
  Warp& warp = me.warp();
  auto& given = warp.given[me.shuffles++ % 2];
  const unsigned lane = me.index % kWarp;
  given[lane] = value;
  grid().barrier(warp.barrier, "a shuffle");
  const auto group = static_cast<unsigned>(width);
  return given[lane / group * group + static_cast<unsigned>(source) % group];
}

}  // namespace convoy::fibers
